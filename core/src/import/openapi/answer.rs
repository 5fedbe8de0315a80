//! What an answer means: an output in an envelope, or an error.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Value, json, value::RawValue};

use super::plan::Plan;
use crate::{CallError, engine::Output, error::codes, protocol::write_text, sse::Event};

/// Most bytes of a failed answer's body that its error holds.
const MOST_OF_BODY: usize = 4096;
/// Most bytes of an answer's headers that its envelope holds.
const MOST_OF_HEADERS: usize = 8192;
/// Headers that are between the hub and the service.
const HIDDEN: [&str; 6] = [
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "connection",
];

/// Status and headers of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// Headers, their names in small letters.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn content_type(&self) -> &str {
        self.header("content-type").unwrap_or_default()
    }

    /// Whether the service did what it was asked for.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the body is a stream of server-sent events.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        essence(self.content_type()) == "text/event-stream"
    }

    /// `,"meta":{...}}` of an envelope.
    fn meta(&self, content_type: &str, event: Option<&Event>) -> Vec<u8> {
        let mut text =
            format!(",\"meta\":{{\"source\":\"http\",\"statusCode\":{},\"headers\":{{", self.status)
                .into_bytes();
        let mut written: Vec<&str> = Vec::new();
        let mut size = 0;
        for (name, _) in &self.headers {
            if HIDDEN.contains(&name.as_str()) || written.contains(&name.as_str()) {
                continue;
            }
            let values = self.headers.iter().filter(|(known, _)| known == name);
            let value = values.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ");
            size += name.len() + value.len();
            if size > MOST_OF_HEADERS {
                break;
            }
            if !written.is_empty() {
                text.push(b',');
            }
            write_text(&mut text, name);
            text.push(b':');
            write_text(&mut text, &value);
            written.push(name);
        }
        text.extend_from_slice(b"},\"contentType\":");
        write_text(&mut text, content_type);
        let said = [
            ("event", event.and_then(|event| event.event.as_deref())),
            ("id", event.and_then(|event| event.id.as_deref())),
        ];
        for (name, value) in said {
            if let Some(value) = value {
                text.extend_from_slice(format!(",\"{name}\":").as_bytes());
                write_text(&mut text, value);
            }
        }
        text.extend_from_slice(b"}}");
        text
    }
}

/// A media type without its parameters, in small letters.
pub(super) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type is JSON.
pub(super) fn is_json(essence: &str) -> bool {
    matches!(essence, "application/json" | "text/json") || essence.ends_with("+json")
}

/// Whether a media type is text that is passed on as it is.
pub(super) fn is_text(essence: &str) -> bool {
    essence.starts_with("text/")
        || essence.ends_with("+xml")
        || matches!(
            essence,
            "application/xml"
                | "application/yaml"
                | "application/x-yaml"
                | "application/javascript"
                | "application/x-ndjson"
                | "application/jsonl"
                | "application/graphql"
                | "application/sql"
                | "application/x-www-form-urlencoded"
        )
}

fn enveloped(data: &[u8], meta: &[u8]) -> Result<Output, CallError> {
    let mut text = Vec::with_capacity(data.len() + meta.len() + 8);
    text.extend_from_slice(b"{\"data\":");
    text.extend_from_slice(data);
    text.extend_from_slice(meta);
    let not_json =
        || CallError::new(codes::EXECUTION_ERROR, "The service's answer is not the JSON that it says it is.");
    Output::enveloped(Bytes::from(text)).ok_or_else(not_json)
}

fn json_text(text: &str) -> Vec<u8> {
    let mut written = Vec::with_capacity(text.len() + 2);
    write_text(&mut written, text);
    written
}

impl Plan {
    /// The output of a whole answer.
    ///
    /// # Errors
    /// As [`Plan::failure`] where the service failed, EXECUTION_ERROR where its answer is not what it says it is.
    pub fn output(&self, head: &Head, body: &[u8]) -> Result<Output, CallError> {
        if !head.is_success() {
            return Err(self.failure(head, body));
        }
        let essence = essence(head.content_type());
        let data = if body.is_empty() {
            b"null".to_vec()
        } else if is_json(&essence) {
            let valid: Result<&RawValue, _> = serde_json::from_slice(body);
            let valid = valid.map_err(|_| {
                CallError::new(
                    codes::EXECUTION_ERROR,
                    "The service's answer is not the JSON that it says it is.",
                )
            })?;
            valid.get().as_bytes().to_vec()
        } else if is_text(&essence) || essence.is_empty() && std::str::from_utf8(body).is_ok() {
            json_text(&String::from_utf8_lossy(body))
        } else {
            json!({ "contentType": essence, "base64": BASE64_STANDARD.encode(body) }).to_string().into_bytes()
        };
        enveloped(&data, &head.meta(head.content_type(), None))
    }

    /// The output of one server-sent event; `None` where it says nothing.
    ///
    /// # Errors
    /// EXECUTION_ERROR: it cannot be put into an envelope.
    pub fn item(&self, head: &Head, event: &Event) -> Result<Option<Output>, CallError> {
        if event.data.trim().is_empty() {
            return Ok(None);
        }
        let valid: Result<&RawValue, _> = serde_json::from_str(&event.data);
        let data = match valid {
            Ok(json) => json.get().as_bytes().to_vec(),
            Err(_) => json_text(&event.data),
        };
        enveloped(&data, &head.meta("text/event-stream", Some(event))).map(Some)
    }

    /// The error that an answer stands for: the declared one of its status, or EXECUTION_ERROR. Details have `status`,
    /// `contentType`, and of `body` a bounded part.
    #[must_use]
    pub fn failure(&self, head: &Head, body: &[u8]) -> CallError {
        let reason =
            http::StatusCode::from_u16(head.status).ok().and_then(|status| status.canonical_reason());
        let message = match reason {
            Some(reason) => format!("HTTP {}: {reason}", head.status),
            None => format!("HTTP {}", head.status),
        };
        let code = self.code_of(head.status).map_or_else(|| codes::EXECUTION_ERROR.to_owned(), str::to_owned);
        let mut details = json!({ "status": head.status });
        let essence = essence(head.content_type());
        if !essence.is_empty() {
            details["contentType"] = essence.as_str().into();
        }
        if let Some(body) = told(&essence, body) {
            details["body"] = body;
        }
        let mut error = CallError::new(code, message).with_details(details);
        // Whether the caller may call the operation is for the hub to say; here it is the hub that was refused.
        error.http_status = Some(match head.status {
            401 | 403 | 407 => 502,
            status @ 400..500 => status,
            _ => 502,
        });
        if matches!(head.status, 429 | 503) {
            error.retry_after = head.header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
        }
        error
    }
}

/// As much of a body as an error holds.
fn told(essence: &str, body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        return None;
    }
    if body.len() <= MOST_OF_BODY
        && is_json(essence)
        && let Ok(value) = serde_json::from_slice(body)
    {
        return Some(value);
    }
    if !is_json(essence) && !is_text(essence) && std::str::from_utf8(body).is_err() {
        return Some(format!("{} bytes", body.len()).into());
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(MOST_OF_BODY)]).into_owned();
    Some(if body.len() > MOST_OF_BODY { format!("{text}…").into() } else { text.into() })
}
