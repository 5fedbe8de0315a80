//! Reading a JSON body within bounds of size, time and depth.

use alkhub_core::{CallError, error::codes};
use bytes::Bytes;
use poem::{
    Request,
    error::ReadBodyError,
    http::{HeaderMap, header},
};
use serde_json::Value;

use crate::config::Limits;

/// The body as JSON; `None` where there is none.
///
/// # Errors
/// UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT or BAD_REQUEST.
pub(super) async fn read_json(request: &mut Request, limits: &Limits) -> Result<Option<Value>, CallError> {
    let declared = content_length(request.headers());
    if declared.is_some_and(|length| length > limits.body_bytes as u64) {
        return Err(too_large(limits.body_bytes));
    }
    let read = request.take_body().into_bytes_limit(limits.body_bytes);
    let bytes = match tokio::time::timeout(limits.body_timeout, read).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(ReadBodyError::PayloadTooLarge)) => return Err(too_large(limits.body_bytes)),
        Ok(Err(error)) => return Err(CallError::bad_request(format!("The body could not be read: {error}"))),
        Err(_) => {
            return Err(CallError::new(
                codes::REQUEST_TIMEOUT,
                format!("The body did not arrive within {} s.", limits.body_timeout.as_secs()),
            ));
        }
    };
    if bytes.is_empty() {
        return Ok(None);
    }
    check_media_type(request.headers())?;
    check_depth(&bytes, limits.json_depth)?;
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| CallError::bad_request(format!("The body is not JSON: {error}")))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: usize) -> CallError {
    CallError::new(codes::PAYLOAD_TOO_LARGE, format!("The body is larger than {limit} bytes."))
}

fn check_media_type(headers: &HeaderMap) -> Result<(), CallError> {
    let unsupported = |message: &str| Err(CallError::new(codes::UNSUPPORTED_MEDIA_TYPE, message));
    if headers.get(header::CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return unsupported("The body must not be compressed.");
    }
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        Ok(())
    } else {
        unsupported("The body must be JSON, with `Content-Type: application/json`.")
    }
}

/// Refuses deep nesting before anything is built from it.
fn check_depth(bytes: &Bytes, limit: usize) -> Result<(), CallError> {
    let opening = bytes.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if opening <= limit {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > limit {
                    return Err(CallError::bad_request(format!(
                        "The body is nested more than {limit} levels deep."
                    )));
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}
