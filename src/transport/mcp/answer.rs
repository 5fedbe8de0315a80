//! What rmcp answers with, as the hub answers.

use std::convert::Infallible;

use alkhub_core::{CallError, error::codes};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyDataStream, BodyExt, Full, combinators::BoxBody};
use poem::Response;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use super::{context::Context, standing::never};
use crate::transport::http::{compressible, plain, problem};

/// rmcp's answers.
pub(super) type Foreign = http::Response<BoxBody<Bytes, Infallible>>;

/// A request as rmcp takes it. It need not know the key.
pub(super) fn request(
    headers: &http::HeaderMap,
    uri: &http::Uri,
    body: Bytes,
    cx: std::sync::Arc<Context>,
) -> http::Request<Full<Bytes>> {
    let mut request = http::Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    request.headers_mut().clone_from(headers);
    let of_it = request.headers_mut();
    of_it.remove(header::AUTHORIZATION);
    // Clients that say less than the protocol wants are understood all the same.
    of_it.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    of_it.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.extensions_mut().insert(cx);
    request
}

/// An answer that is whole, as the client gets it; `Err` with the frames of one that is streamed.
pub(super) async fn whole(
    foreign: Foreign,
    request_id: Uuid,
) -> Result<Response, BodyDataStream<BoxBody<Bytes, Infallible>>> {
    let (parts, body) = foreign.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if kind.starts_with(b"text/event-stream") {
        return Err(body.into_data_stream());
    }
    let is_json = kind.starts_with(b"application/json");
    let body = never(body.collect().await).to_bytes();
    if is_json {
        return Ok(json_answer(parts.status, body));
    }
    if parts.status.is_success() {
        let mut response = Response::builder().status(parts.status).body(body);
        plain(&mut response);
        return Ok(response);
    }
    let said = String::from_utf8_lossy(&body);
    Ok(refused(parts.status, &said, request_id))
}

/// A JSON text with this status.
pub(super) fn json_answer(status: StatusCode, body: Bytes) -> Response {
    let length = body.len();
    let mut response = Response::builder().status(status).body(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    plain(&mut response);
    compressible(&mut response, length);
    response
}

/// What rmcp refuses in plain words.
fn refused(status: StatusCode, said: &str, request_id: Uuid) -> Response {
    let said = said.trim();
    match status.as_u16() {
        // A message that is none of the protocol's; that it is JSON was seen before.
        415 => {
            let message = format!("The body is not a message of the protocol: {said}");
            let body =
                json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32600, "message": message } });
            json_answer(StatusCode::BAD_REQUEST, body.to_string().into())
        }
        400..=499 => {
            let mut error = CallError::bad_request(said.to_owned());
            error.http_status = Some(status.as_u16());
            if status == StatusCode::NOT_FOUND {
                error.code = codes::NOT_FOUND.into();
            }
            problem::response(&error, request_id)
        }
        _ => {
            tracing::warn!(%request_id, said, "rmcp could not answer");
            problem::response(&CallError::internal(&said), request_id)
        }
    }
}

/// An error of the protocol, with the problem as its data.
pub(super) fn error(id: Option<&RawValue>, code: i32, error: &CallError, request_id: Uuid) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let body = json!({
        "jsonrpc": "2.0",
        "id": id,
        "error": { "code": code, "message": error.message, "data": super::tools::problem(error, request_id) },
    });
    let mut response = json_answer(status, body.to_string().into());
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Whether a request was answered with a result.
pub(super) fn is_result(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow, default)]
        result: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Answer<'_>>(body).is_ok_and(|answer| answer.result.is_some())
}

/// The frames of a streamed answer.
pub(super) fn frames(
    body: BodyDataStream<BoxBody<Bytes, Infallible>>,
) -> impl Stream<Item = Bytes> + Send + 'static {
    body.map(never)
}

/// The last message of an answer, whole or streamed, for a batch.
pub(super) async fn message(foreign: Foreign) -> Option<Value> {
    let body = never(foreign.into_body().collect().await).to_bytes();
    if let Ok(value) = serde_json::from_slice(&body) {
        return Some(value);
    }
    let text = String::from_utf8_lossy(&body);
    let mut messages = text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?).ok());
    messages.rfind(|message: &Value| message.get("id").is_some_and(|id| !id.is_null()))
}
