//! Values against lowered schemas, with formats enforced as the hub enforces them.

use jsonschema::{Draft, Validator};
use serde_json::Value;

/// Most faults that are told of one value.
const MAX_FAULTS: usize = 16;

/// A compiled schema.
pub(super) struct Judge(Result<Validator, String>);

/// How a value fails.
pub(super) struct Fault {
    /// Where in the value.
    pub(super) pointer: String,
    /// What is wrong.
    pub(super) message: String,
}

impl Judge {
    pub(super) fn new(schema: &Value) -> Self {
        let built = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(schema)
            .map_err(|error| error.to_string());
        Self(built)
    }

    /// Why the schema is none.
    pub(super) fn broken(&self) -> Option<&str> {
        self.0.as_ref().err().map(String::as_str)
    }

    pub(super) fn faults(&self, value: &Value) -> Vec<Fault> {
        match &self.0 {
            Ok(validator) => validator
                .iter_errors(value)
                .take(MAX_FAULTS)
                .map(|error| Fault {
                    pointer: error.instance_path().as_str().to_owned(),
                    message: error.to_string(),
                })
                .collect(),
            Err(message) => {
                vec![Fault { pointer: String::new(), message: format!("the schema is broken: {message}") }]
            }
        }
    }
}
