//! Idempotency keys: a call that is repeated under its key has its effect once and gets the same answer again.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::CallError;

/// Longest key.
const LONGEST: usize = 255;

/// What a caller made up to name one intention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// A key of 1 to 255 visible ASCII characters.
    ///
    /// # Errors
    /// BAD_REQUEST where it is none.
    pub fn new(text: &str) -> Result<Self, CallError> {
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CallError::bad_request(format!(
                "An idempotency key has 1 to {LONGEST} visible ASCII characters, for example a UUID."
            )));
        }
        Ok(Self(text.into()))
    }

    /// A key as a header carries it: a string of RFC 9651 in quotation marks, or the bare key.
    ///
    /// # Errors
    /// As [`IdempotencyKey::new`].
    pub fn from_header(text: &str) -> Result<Self, CallError> {
        let text = text.trim();
        let Some(quoted) = text.strip_prefix('"') else { return Self::new(text) };
        let malformed = || CallError::bad_request("Idempotency-Key is not a well-formed string.");
        let inside = quoted.strip_suffix('"').ok_or_else(malformed)?;
        let (mut key, mut letters) = (String::with_capacity(inside.len()), inside.chars());
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some(escaped @ ('"' | '\\')) => key.push(escaped),
                    _ => return Err(malformed()),
                },
                '"' => return Err(malformed()),
                plain => key.push(plain),
            }
        }
        Self::new(&key)
    }

    /// SHA-256 of its characters.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// Its characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A call that asks to be the one that has the effect.
#[derive(Debug)]
pub struct Ticket {
    /// The caller; keys of different callers have nothing to do with each other.
    pub caller: String,
    /// The operation.
    pub operation_id: String,
    /// The key.
    pub key: IdempotencyKey,
    /// The input as [`canonical`] text.
    pub input: Vec<u8>,
    /// This attempt.
    pub attempt: Uuid,
    /// The effect and the stored answer are one transaction, so that an attempt that ended without an answer had no
    /// effect and may be followed by another.
    pub atomic: bool,
    settled: AtomicBool,
}

impl Ticket {
    /// A ticket with nothing settled.
    #[must_use]
    pub fn new(
        caller: &str,
        operation_id: &str,
        key: IdempotencyKey,
        input: &Value,
        attempt: Uuid,
        atomic: bool,
    ) -> Self {
        Self {
            caller: caller.to_owned(),
            operation_id: operation_id.to_owned(),
            key,
            input: canonical(input),
            attempt,
            atomic,
            settled: AtomicBool::new(false),
        }
    }

    /// Notes that the answer is stored by the transaction of the effect.
    pub fn settle(&self) {
        self.settled.store(true, Ordering::Release);
    }

    /// The answer is stored by the transaction of the effect.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }
}

/// What is kept of a call: its output as JSON text, or the error that its operation declares.
pub type Kept = Result<Bytes, CallError>;

/// What became of a ticket.
#[derive(Debug)]
pub enum Claim {
    /// This attempt is the one; it is known to the store until it is finished, released, or silent for a lease.
    Mine,
    /// An earlier one has ended like this.
    Done(Kept),
    /// An earlier one runs.
    Running,
    /// The key was used with another input.
    Reused,
    /// An earlier one ended without saying how, and may have had its effect.
    Unknown,
}

/// Keeps answers by idempotency key, for all processes that share it.
#[async_trait]
pub trait Answers: Send + Sync {
    /// Asks to be the one that has the effect.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR.
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, CallError>;
    /// Says that the attempt still runs.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR.
    async fn renew(&self, ticket: &Ticket) -> Result<(), CallError>;
    /// Keeps the answer.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR.
    async fn finish(&self, ticket: &Ticket, answer: &Kept) -> Result<(), CallError>;
    /// Forgets the attempt unless it has an answer: the key may be used as if for the first time.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR.
    async fn release(&self, ticket: &Ticket) -> Result<(), CallError>;
    /// How long an attempt may be silent before it is believed dead.
    fn lease(&self) -> Duration;
}

/// JSON text that is equal for equal values: the keys of objects are in order, and there is no white space.
#[must_use]
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Array(items) => {
            text.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                write(item, text);
            }
            text.push(b']');
        }
        Value::Object(map) => {
            // Whether the map is in order by itself depends on a feature that any dependency may switch on.
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push(b'{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(Value::from(name.as_str()).to_string().as_bytes());
                text.push(b':');
                write(member, text);
            }
            text.push(b'}');
        }
        scalar => text.extend_from_slice(scalar.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_header_is_a_string_or_bare() {
        let read = |text: &str| IdempotencyKey::from_header(text).map(|key| key.as_str().to_owned());
        assert_eq!(read("abc-1").as_deref(), Ok("abc-1"));
        assert_eq!(read(" \"abc-1\" ").as_deref(), Ok("abc-1"));
        assert_eq!(read(r#""a\"b\\c""#).as_deref(), Ok(r#"a"b\c"#));
        assert_eq!(read(&"k".repeat(255)).map(|key| key.len()), Ok(255));
        for wrong in ["", "\"\"", "\"", "\"a", "\"a\"b\"", "\"a\\n\"", "a b", "\u{e9}", &"k".repeat(256)] {
            assert_eq!(read(wrong).map_err(|error| error.status()), Err(400), "{wrong}");
        }
    }

    #[test]
    fn equal_values_have_equal_texts() {
        let text = |value| String::from_utf8(canonical(&value)).expect("UTF-8");
        let one = json!({ "b": [1, { "y": null, "x": 1.5 }], "a": "\"" });
        let other: Value =
            serde_json::from_str(r#"{ "a": "\"", "b": [1, {"x": 1.5, "y": null}] }"#).expect("JSON");
        assert_eq!(text(one.clone()), r#"{"a":"\"","b":[1,{"x":1.5,"y":null}]}"#);
        assert_eq!(text(one), text(other));
    }
}
