//! Call templates: operations that are called one after another or beside each other, each with what others gave.

mod bind;
mod check;
mod typed;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use bind::{Scope, Source, sources, truthy, value};
pub use check::{Schemas, check, order};

/// Most steps of a template.
pub const STEPS: usize = 64;
/// Most bindings of a template.
pub const BINDINGS: usize = 4_000;
/// Most items that a step with `forEach` is called for.
pub const ITEMS: usize = 1_000;
/// Most times that a step is tried.
pub const ATTEMPTS: u32 = 10;

/// A declared chain or graph of calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Template {
    /// JSON Schema of what a run takes.
    #[serde(default = "anything")]
    pub input: Value,
    /// The calls, in any order.
    pub steps: Vec<Step>,
    /// What a run gives, with bindings in it.
    #[serde(default)]
    pub output: Value,
}

fn anything() -> Value {
    json!({ "type": "object" })
}

/// One call of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// Its name within the template.
    pub id: String,
    /// The operation.
    pub call: String,
    /// Input of the operation, with bindings in it.
    #[serde(default = "nothing")]
    pub input: Value,
    /// Steps that have to end before, beside those that bindings name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// A binding; the step is left out where it gives null, false, zero, or what is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Value>,
    /// A binding to a list, for each item of which the operation is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<Value>,
    /// How it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Longest time of one try, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

/// How a step is tried again after an error that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retry {
    /// Tries altogether.
    pub attempts: u32,
    /// Pause before the second try, in milliseconds; it doubles with each further one.
    #[serde(default = "pause")]
    pub backoff_ms: u64,
}

fn pause() -> u64 {
    200
}
