//! Errors over HTTP: RFC 9457 problem documents.

use alkhub_core::CallError;
use bytes::Bytes;
use poem::{
    Response,
    http::{HeaderValue, StatusCode, header},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Media type of RFC 9457 section 3.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The body: `type`, `title`, `status`, `detail` of the RFC, and `code`, `requestId`, `details` of ours.
#[must_use]
pub fn body(error: &CallError, request_id: Uuid) -> Value {
    let status = error.status();
    let mut body = json!({
        "type": format!("/docs/errors/{}", error.code),
        "title": title(&error.code),
        "status": status,
        "detail": error.message,
        "code": error.code,
        "requestId": request_id,
    });
    if let Some(details) = &error.details {
        body["details"] = details.clone();
    }
    body
}

/// The whole answer.
#[must_use]
pub fn response(error: &CallError, request_id: Uuid) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::builder()
        .status(status)
        .content_type(PROBLEM_JSON)
        .body(Bytes::from(body(error, request_id).to_string()));
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"alkhub\""));
    }
    if let Some(seconds) = error.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `PROJECT_EXISTS` becomes `Project exists`.
fn title(code: &str) -> String {
    let words = code.replace('_', " ").to_lowercase();
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
