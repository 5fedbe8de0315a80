//! Errors as they travel: a code, a sentence, details. The same on every transport.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most faults that a validation answer lists; more would be an amplifier for hostile input.
pub const MAX_FAULTS: usize = 16;

/// Codes that can befall any call (design section 4).
pub mod codes {
    #![allow(missing_docs, reason = "each is its own name; docs/errors has a page for each")]
    pub const OPERATION_NOT_FOUND: &str = "OPERATION_NOT_FOUND";
    pub const ACCESS_DENIED: &str = "ACCESS_DENIED";
    pub const VALIDATION_ERROR: &str = "VALIDATION_ERROR";
    pub const BAD_REQUEST: &str = "BAD_REQUEST";
    pub const NOT_FOUND: &str = "NOT_FOUND";
    pub const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
    pub const REQUEST_TIMEOUT: &str = "REQUEST_TIMEOUT";
    pub const PAYLOAD_TOO_LARGE: &str = "PAYLOAD_TOO_LARGE";
    pub const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    pub const ABORTED: &str = "ABORTED";
    pub const EXECUTION_ERROR: &str = "EXECUTION_ERROR";
    pub const UNKNOWN_ERROR: &str = "UNKNOWN_ERROR";
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    pub const TIMEOUT: &str = "TIMEOUT";
    pub const IDEMPOTENCY_KEY_REUSED: &str = "IDEMPOTENCY_KEY_REUSED";
    pub const IDEMPOTENCY_UNKNOWN_OUTCOME: &str = "IDEMPOTENCY_UNKNOWN_OUTCOME";
    pub const OUTBOUND_REFUSED: &str = "OUTBOUND_REFUSED";
    pub const NO_MASTER_KEY: &str = "NO_MASTER_KEY";
}

/// One violation of an input schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) into the input; empty for the input itself.
    pub pointer: String,
    /// What was wrong and what would be right.
    pub message: String,
    /// The schema keyword that was violated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword: Option<String>,
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CallError {
    /// An infrastructure code, or one that the operation declares.
    pub code: Cow<'static, str>,
    /// A sentence for people. Says nothing of the hub's inside.
    pub message: String,
    /// As the code's schema in the catalogue says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Seconds after which the caller may try again (`Retry-After`). Not part of the wire form.
    #[serde(skip)]
    pub retry_after: Option<u32>,
    /// The caller showed no valid credentials, which HTTP tells apart (401 instead of 403).
    #[serde(skip)]
    pub unauthenticated: bool,
    /// HTTP status of the declared error, known where the operation's own catalogue entries are known.
    #[serde(skip)]
    pub http_status: Option<u16>,
    /// What happened on the inside, for the log alone.
    #[serde(skip)]
    pub cause: Option<String>,
}

impl CallError {
    /// An error without details.
    #[must_use]
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            details: None,
            retry_after: None,
            unauthenticated: false,
            http_status: None,
            cause: None,
        }
    }

    /// The same with details.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// OPERATION_NOT_FOUND for an id.
    #[must_use]
    pub fn operation_not_found(id: &str) -> Self {
        Self::new(codes::OPERATION_NOT_FOUND, format!("Operation not found: {id}"))
            .with_details(json!({ "operationId": id }))
    }

    /// VALIDATION_ERROR with at most [`MAX_FAULTS`] faults.
    #[must_use]
    pub fn validation(mut faults: Vec<Fault>) -> Self {
        faults.truncate(MAX_FAULTS);
        let message = match faults.as_slice() {
            [one] if one.pointer.is_empty() => format!("The input is not valid: {}", one.message),
            [one] => format!("The input is not valid at {}: {}", one.pointer, one.message),
            many => format!("The input is not valid: {} faults", many.len()),
        };
        Self::new(codes::VALIDATION_ERROR, message).with_details(json!({ "faults": faults }))
    }

    /// VALIDATION_ERROR with one fault.
    #[must_use]
    pub fn fault(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::validation(vec![Fault { pointer: pointer.into(), message: message.into(), keyword: None }])
    }

    /// BAD_REQUEST.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(codes::BAD_REQUEST, message)
    }

    /// EXECUTION_ERROR that says nothing of the inside; the engine logs the cause under the request id.
    #[must_use]
    pub fn internal(cause: &(dyn std::fmt::Display + '_)) -> Self {
        let mut error = Self::new(
            codes::EXECUTION_ERROR,
            "The operation failed; the hub's log has the cause under this request id.",
        );
        error.cause = Some(cause.to_string());
        error
    }

    /// UNAVAILABLE: a component is away for the moment.
    #[must_use]
    pub fn unavailable(component: &str) -> Self {
        let mut error = Self::new(
            codes::UNAVAILABLE,
            format!("The {component} cannot be reached at the moment; try again."),
        );
        error.retry_after = Some(1);
        error
    }

    /// TIMEOUT with the deadline in milliseconds since the Unix epoch.
    #[must_use]
    pub fn timeout(deadline_ms: u64) -> Self {
        Self::new(codes::TIMEOUT, "The call timed out: it did not end before its deadline.")
            .with_details(json!({ "deadline": deadline_ms }))
    }

    /// ABORTED with a reason.
    #[must_use]
    pub fn aborted(reason: &str) -> Self {
        Self::new(codes::ABORTED, format!("The call was aborted: {reason}"))
            .with_details(json!({ "reason": reason }))
    }

    /// The HTTP status of this error (design section 4); a declared error that does not know its own is a 500.
    #[must_use]
    pub fn status(&self) -> u16 {
        if let Some(status) = self.http_status {
            return status;
        }
        match &*self.code {
            codes::BAD_REQUEST => 400,
            codes::ACCESS_DENIED if self.unauthenticated => 401,
            codes::ACCESS_DENIED | codes::OUTBOUND_REFUSED => 403,
            codes::OPERATION_NOT_FOUND | codes::NOT_FOUND => 404,
            codes::METHOD_NOT_ALLOWED => 405,
            codes::REQUEST_TIMEOUT => 408,
            codes::IDEMPOTENCY_UNKNOWN_OUTCOME => 409,
            codes::PAYLOAD_TOO_LARGE => 413,
            codes::UNSUPPORTED_MEDIA_TYPE => 415,
            codes::VALIDATION_ERROR | codes::IDEMPOTENCY_KEY_REUSED => 422,
            codes::RATE_LIMITED => 429,
            codes::ABORTED => 499,
            codes::NO_MASTER_KEY => 501,
            codes::UNAVAILABLE => 503,
            codes::TIMEOUT => 504,
            _ => 500,
        }
    }
}
