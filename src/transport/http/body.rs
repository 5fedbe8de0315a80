//! Reading a JSON body within bounds of size and time.

use alkhub_core::{CallError, error::codes};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited, combinators::BoxBody};
use poem::{
    Request,
    http::{HeaderMap, header},
};

use crate::config::Limits;

/// The text of the body, which says that it is JSON; `None` where there is none.
///
/// # Errors
/// UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE or REQUEST_TIMEOUT; BAD_REQUEST where it breaks off.
pub(crate) async fn read_json(request: &mut Request, limits: &Limits) -> Result<Option<Bytes>, CallError> {
    read_up_to(request, limits, limits.body_bytes).await
}

/// The same with another bound of its size.
///
/// # Errors
/// As [`read_json`].
pub(super) async fn read_up_to(
    request: &mut Request,
    limits: &Limits,
    most: usize,
) -> Result<Option<Bytes>, CallError> {
    let declared = content_length(request.headers());
    if declared.is_some_and(|length| length > most as u64) {
        return Err(too_large(most));
    }
    let body: BoxBody<Bytes, std::io::Error> = request.take_body().into();
    let read = Limited::new(body, most).collect();
    let bytes = match tokio::time::timeout(limits.body_timeout, read).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large(most)),
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
    Ok(Some(bytes))
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
