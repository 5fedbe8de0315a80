//! Errors of the proxy, and how callers are told them.

use alkhub_core::{CallError, error::codes};
use serde_json::json;

use super::dialect::{Fault, Refused};

/// A request that cannot be served as it is.
pub(super) fn refused(refused: Refused) -> CallError {
    let pointer = match refused.param.as_str() {
        "" => String::new(),
        param => format!("/{}", param.replace('.', "/")),
    };
    let mut error = CallError::fault(pointer, refused.message.clone());
    error.message = refused.message;
    error
}

/// No model of this name.
pub(super) fn unknown(model: &str) -> CallError {
    let message =
        format!("No model {model:?}; GET /v1/models lists what there is, `provider/model` names any other.");
    declared("MODEL_NOT_FOUND", 404, message, model)
}

/// The key may not use it.
pub(super) fn not_allowed(model: &str) -> CallError {
    declared("MODEL_NOT_ALLOWED", 403, format!("The key may not use the model {model:?}."), model)
}

/// A budget bounds the request, and nobody knows what it costs.
pub(super) fn unpriced(model: &str) -> CallError {
    let message = format!(
        "A budget bounds this request, and {model:?} has no price; the operator sets one with the provider's `prices` or `llm.prices`."
    );
    declared("PRICE_UNKNOWN", 403, message, model)
}

fn declared(code: &'static str, status: u16, message: String, model: &str) -> CallError {
    let mut error = CallError::new(code, message).with_details(json!({ "model": model }));
    error.http_status = Some(status);
    error
}

/// A provider that could not answer.
pub(super) fn failed(provider: &str, status: Option<u16>, what: &str) -> CallError {
    let message = format!("The provider {provider:?} {what}.");
    let mut error = CallError::new("UPSTREAM_FAILED", message)
        .with_details(json!({ "provider": provider, "status": status }));
    error.http_status = Some(502);
    error
}

/// A provider that does not accept the request.
pub(super) fn rejected(provider: &str, status: u16, message: String) -> CallError {
    let mut error = CallError::new("UPSTREAM_REJECTED", message)
        .with_details(json!({ "provider": provider, "status": status }));
    error.http_status = Some(status);
    error
}

/// An error as it is told in a dialect.
#[must_use]
pub fn fault_of(error: &CallError, request_id: &str) -> Fault {
    let status = match error.status() {
        // What SDKs know as a request that is wrong.
        422 => 400,
        other => other,
    };
    let pointer = error.details.as_ref().and_then(|details| details["faults"][0]["pointer"].as_str());
    let param = pointer
        .map(|pointer| pointer.trim_start_matches('/').replace('/', "."))
        .filter(|param| !param.is_empty());
    let code = match &*error.code {
        codes::ACCESS_DENIED if error.unauthenticated => "invalid_api_key",
        "MODEL_NOT_FOUND" => "model_not_found",
        "BUDGET_EXCEEDED" => "insufficient_quota",
        codes::RATE_LIMITED => "rate_limit_exceeded",
        code => code,
    };
    Fault {
        status,
        code: Some(code.to_owned()),
        message: error.message.clone(),
        param,
        request_id: request_id.to_owned(),
    }
}
