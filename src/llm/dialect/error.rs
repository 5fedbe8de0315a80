//! Errors in the caller's dialect, and what providers say of theirs.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Dialect;

/// Something in a request that cannot be done: which field, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The field, by its path; empty for the body itself.
    pub param: String,
    /// A sentence for the caller.
    pub message: String,
}

impl Refused {
    /// A refusal of this field.
    #[must_use]
    pub fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: param.into(), message: message.into() }
    }
}

/// An error as callers are told it, before it has a dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// For machines: the hub's code, or the provider's.
    pub code: Option<String>,
    /// For people.
    pub message: String,
    /// The field that it is about.
    pub param: Option<String>,
    /// Id of the request.
    pub request_id: String,
}

/// The body of an error answer.
#[must_use]
pub fn body(dialect: Dialect, fault: &Fault) -> Vec<u8> {
    let value = if dialect.is_anthropic() {
        json!({
            "type": "error",
            "error": { "type": anthropic_kind(fault.status), "message": fault.message },
            "request_id": fault.request_id,
        })
    } else {
        json!({ "error": {
            "message": fault.message,
            "type": openai_kind(fault),
            "param": fault.param,
            "code": fault.code,
        } })
    };
    value.to_string().into_bytes()
}

/// The event that ends a stream which failed in the middle.
#[must_use]
pub fn event(dialect: Dialect, fault: &Fault) -> Vec<u8> {
    match dialect {
        Dialect::Responses => {
            let data = json!({
                "type": "error", "code": fault.code, "message": fault.message, "param": fault.param,
                "sequence_number": 0,
            });
            format!("event: error\ndata: {data}\n\n").into_bytes()
        }
        Dialect::Messages | Dialect::CountTokens => {
            [b"event: error\ndata: ", &*body(dialect, fault), b"\n\n"].concat()
        }
        Dialect::Chat | Dialect::Embeddings => [b"data: ", &*body(dialect, fault), b"\n\n"].concat(),
    }
}

fn anthropic_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        408 | 504 => "timeout_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

fn openai_kind(fault: &Fault) -> &'static str {
    match fault.status {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

#[derive(Deserialize)]
struct Told {
    error: Value,
}

/// Message, code and field of an error that a provider answered with, in whichever dialect.
#[must_use]
pub fn read(body: &[u8]) -> Option<(String, Option<String>, Option<String>)> {
    let told: Told = serde_json::from_slice(body).ok()?;
    let text = |name: &str| told.error.get(name).and_then(Value::as_str).map(str::to_owned);
    match &told.error {
        // Ollama and others write only the sentence.
        Value::String(message) => Some((message.clone(), None, None)),
        _ => Some((text("message")?, text("code").or_else(|| text("type")), text("param"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_own() {
        let fault = Fault {
            status: 429,
            code: Some("RATE_LIMITED".to_owned()),
            message: "slow".to_owned(),
            param: None,
            request_id: "r".to_owned(),
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let chat: Value = serde_json::from_slice(&body(Dialect::Chat, &fault)).expect("JSON");
        assert_eq!(chat["error"]["type"], "rate_limit_error");
        let message: Value = serde_json::from_slice(&body(Dialect::Messages, &fault)).expect("JSON");
        assert_eq!(message["error"]["type"], "rate_limit_error");
        assert!(text(event(Dialect::Messages, &fault)).starts_with("event: error\ndata: {"));
        assert!(text(event(Dialect::Chat, &fault)).starts_with("data: {\"error\""));
        assert_eq!(read(&body(Dialect::Messages, &fault)).expect("read").0, "slow");
        assert_eq!(read(b"{\"error\":\"no\"}").expect("read").0, "no");
        assert_eq!(read(b"<html>"), None);
    }
}
