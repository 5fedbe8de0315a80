//! Input of a call, before and after it is checked.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    CallError,
    validate::{InputValidator, depth, normalise_integers},
};

/// What a caller gave, not yet validated.
#[derive(Clone, Debug)]
pub enum Input {
    /// A value.
    Value(Value),
    /// JSON text that nobody has read yet, and how deep it may be nested.
    Text {
        /// The text.
        json: Bytes,
        /// Most levels of arrays and objects.
        depth: usize,
    },
}

impl From<Value> for Input {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// The way to an input that leads through its schema, and no other.
pub struct Unchecked<'a> {
    input: Input,
    validator: &'a InputValidator,
    /// It has been found valid.
    checked: bool,
}

impl<'a> Unchecked<'a> {
    pub(super) fn new(input: Input, validator: &'a InputValidator) -> Self {
        Self { input, validator, checked: false }
    }

    /// What the caller gave, for those who only look.
    pub(super) fn input(&self) -> &Input {
        &self.input
    }

    /// Finds out whether it is valid, before anybody asks for it.
    ///
    /// # Errors
    /// As [`Unchecked::value`].
    pub(super) fn check(&mut self) -> Result<(), CallError> {
        match &self.input {
            Input::Value(value) => self.validator.check(value).map_err(CallError::validation)?,
            Input::Text { json, depth } => {
                self.validator.check(&parse(json, *depth)?).map_err(CallError::validation)?;
            }
        }
        self.checked = true;
        Ok(())
    }

    /// The valid input.
    ///
    /// # Errors
    /// BAD_REQUEST where it is no JSON or nested too deep, VALIDATION_ERROR with every fault.
    pub fn value(self) -> Result<Value, CallError> {
        let value = match self.input {
            Input::Value(value) => value,
            Input::Text { json, depth } => parse(&json, depth)?,
        };
        if !self.checked {
            self.validator.check(&value).map_err(CallError::validation)?;
        }
        Ok(value)
    }

    /// The valid input as JSON text: the very bytes that came in, where it came as text.
    ///
    /// # Errors
    /// As [`Unchecked::value`].
    pub fn text(self) -> Result<Bytes, CallError> {
        match self.input {
            Input::Text { json, .. } if self.checked => Ok(json),
            Input::Value(_) => {
                let value = self.value()?;
                serde_json::to_vec(&value).map(Bytes::from).map_err(|error| CallError::internal(&error))
            }
            Input::Text { json, depth } => {
                let value = parse(&json, depth)?;
                self.validator.check(&value).map_err(CallError::validation)?;
                Ok(json)
            }
        }
    }

    /// The valid input as a type that the schema describes.
    ///
    /// # Errors
    /// As [`Unchecked::value`].
    pub fn typed<T: DeserializeOwned>(self) -> Result<T, CallError> {
        if let Input::Text { json, depth: limit } = &self.input {
            if self.validator.depth().is_none_or(|depth| depth > *limit) {
                refuse_deep(json, *limit)?;
            }
            if let Some(typed) = self.validator.read(json) {
                return Ok(typed);
            }
        }
        let mut value = self.value()?;
        normalise_integers(&mut value);
        // The schema has accepted the input, so what serde still refuses is outside what any type can hold.
        serde_json::from_value(value).map_err(|error| CallError::fault("", error.to_string()))
    }
}

/// JSON text as a value.
///
/// # Errors
/// BAD_REQUEST where it is no JSON or nested deeper than `depth`.
pub fn parse(json: &[u8], depth: usize) -> Result<Value, CallError> {
    refuse_deep(json, depth)?;
    serde_json::from_slice(json)
        .map_err(|error| CallError::bad_request(format!("The input is not JSON: {error}")))
}

/// Refuses JSON text that is nested deeper than `limit`, without reading it.
///
/// # Errors
/// BAD_REQUEST.
pub fn refuse_deep(json: &[u8], limit: usize) -> Result<(), CallError> {
    if depth::exceeds(json, limit) {
        return Err(CallError::bad_request(format!("The input is nested more than {limit} levels deep.")));
    }
    Ok(())
}
