//! Headers of answers, as the document tells of them.

use poem_openapi::registry::MetaHeader;
use serde_json::{Value, json};

use super::schema::convert;

/// Of an answer with an output; of an operation that takes an idempotency key also whether it is a repetition.
pub(super) fn of_success(takes_key: bool) -> Vec<MetaHeader> {
    let mut headers = rate_limit();
    if takes_key {
        let about = "`true` where this is the answer to an earlier request with the same `Idempotency-Key`.";
        headers.push(header("Idempotency-Replayed", about, &json!({ "type": "string", "enum": ["true"] })));
    }
    headers
}

/// Of a problem document: when to come again, where that is known.
pub(super) fn of_problem(status: Option<u16>) -> Vec<MetaHeader> {
    let retry = || {
        let about = "Seconds after which to try again.";
        header("Retry-After", about, &json!({ "type": "integer", "minimum": 1 }))
    };
    match status {
        Some(429) => rate_limit().into_iter().chain([retry()]).collect(),
        Some(503) => vec![retry()],
        _ => Vec::new(),
    }
}

fn rate_limit() -> Vec<MetaHeader> {
    let text = json!({ "type": "string" });
    vec![
        header(
            "RateLimit",
            "How the caller stands with the limit that applied: its name, calls left (`r`) and seconds until all are there again (`t`). Absent where none did.",
            &text,
        ),
        header("RateLimit-Policy", "That limit: calls (`q`) in so many seconds (`w`).", &text),
    ]
}

fn header(name: &str, about: &str, schema: &Value) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(about.to_owned()),
        required: false,
        deprecated: false,
        schema: convert(schema),
    }
}
