//! Why a server cannot be used or a call failed, in words that say nothing of URLs and credentials.

use std::error::Error;

use alkhub_core::{
    CallError,
    error::codes,
    import::mcp::{Called, refused},
};
use rmcp::{
    service::{ClientInitializeError, ServiceError},
    transport::streamable_http_client::{
        AuthRequiredError, HttpStatusError, InsufficientScopeError, StreamableHttpError,
    },
};
use serde_json::json;

use super::client::Failure;
use crate::outbound;

/// Says that the way to a server broke while it worked on a call: whether it did it is not known.
const LOST: &str = "server_disconnected";

/// Nothing was heard in time.
pub(super) fn silent(service: &str) -> CallError {
    unavailable(format!("The MCP server {service} did not say in time what it offers."), None)
}

/// The hub has ended the connection, or the server has.
pub(super) fn ended(service: &str) -> CallError {
    unavailable(format!("The MCP server {service} has ended the connection."), None)
}

/// Connecting failed.
pub(super) fn of_start(service: &str, error: &ClientInitializeError) -> CallError {
    match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => of_start(service, fallback),
        ClientInitializeError::TransportError { error: inner, .. } => way(service, inner.error.as_ref())
            .unwrap_or_else(|| unavailable(not_mcp(service), Some(error.to_string()))),
        ClientInitializeError::JsonRpcError(refusal) => {
            let words: String = refusal.message.chars().take(500).collect();
            failed(format!("The MCP server {service} refused to begin: {words}"), None)
        }
        ClientInitializeError::NoCompatibleProtocolVersion { .. } => failed(
            format!("The MCP server {service} speaks no revision of the protocol that the hub speaks."),
            None,
        ),
        ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::Cancelled => ended(service),
        other => unavailable(not_mcp(service), Some(other.to_string())),
    }
}

/// The list of tools was not given.
pub(super) fn of_list(service: &str, failure: Failure) -> CallError {
    match failure {
        Failure::Service(ServiceError::McpError(refusal)) => {
            let words: String = refusal.message.chars().take(500).collect();
            failed(format!("The MCP server {service} does not list its tools: {words}"), None)
        }
        Failure::Service(error) => of_service(service, &error),
        Failure::TooMuch(what) => failed(format!("The MCP server {service} offers too much: {what}."), None),
        Failure::Strange(cause) => failed(not_mcp(service), Some(cause)),
    }
}

/// A call was not answered with a result.
pub(super) fn of_call(tool: Called<'_>, failure: Failure) -> CallError {
    match failure {
        Failure::Service(ServiceError::McpError(refusal)) => refused(tool, refusal.code.0, &refusal.message),
        Failure::Service(error) => of_service(tool.service, &error),
        Failure::TooMuch(what) => {
            failed(format!("The MCP server {} answered too much: {what}.", tool.service), None)
        }
        Failure::Strange(why) => failed(
            format!(
                "The answer of the MCP server {} to {} is not understood: {why}.",
                tool.service, tool.operation
            ),
            None,
        ),
    }
}

/// Whether a failure says that the way to the server is broken, and not that the server said something.
pub(super) fn is_loss(failure: &Failure) -> bool {
    matches!(failure, Failure::Service(ServiceError::TransportSend(_) | ServiceError::TransportClosed))
}

fn of_service(service: &str, error: &ServiceError) -> CallError {
    match error {
        ServiceError::TransportSend(inner) => {
            way(service, inner.error.as_ref()).unwrap_or_else(|| lost(service, error))
        }
        ServiceError::TransportClosed => lost(service, error),
        ServiceError::Cancelled { .. } => CallError::aborted("the MCP server has cancelled it"),
        other => failed(not_mcp(service), Some(other.to_string())),
    }
}

/// What is known of why the way to a server is broken.
fn way(service: &str, error: &(dyn Error + 'static)) -> Option<CallError> {
    let mut next = Some(error);
    while let Some(error) = next {
        // The library's own error does not always say what is below it.
        if let Some(error) = error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
            match error {
                StreamableHttpError::Client(inner) => {
                    next = Some(inner);
                    continue;
                }
                StreamableHttpError::ResponseBodyTooLarge { max_size } => {
                    let message =
                        format!("The MCP server {service} answered with more than {max_size} bytes.");
                    return Some(failed(message, None));
                }
                StreamableHttpError::UnexpectedServerResponse(text)
                    if text.starts_with("HTTP 401") || text.starts_with("HTTP 403") =>
                {
                    return Some(unauthorised(service));
                }
                _ => {}
            }
        }
        if error.is::<AuthRequiredError>() || error.is::<InsufficientScopeError>() {
            return Some(unauthorised(service));
        }
        if let Some(status) = error.downcast_ref::<HttpStatusError>() {
            return Some(unavailable(
                format!("The MCP server {service} answered with status {}.", status.status),
                None,
            ));
        }
        if let Some(error) = error.downcast_ref::<reqwest::Error>() {
            if let Some(status) = error.status() {
                return Some(failed(
                    format!("The MCP server {service} answered with status {status}."),
                    None,
                ));
            }
            // What did not go out has not happened; of everything else that is not known.
            if error.is_connect() || error.is_builder() {
                return Some(outbound::failure(error));
            }
            return Some(lost(service, error));
        }
        next = error.source();
    }
    None
}

fn unauthorised(service: &str) -> CallError {
    failed(format!("The MCP server {service} does not accept the hub's credentials."), None)
}

fn lost(service: &str, error: &dyn std::fmt::Display) -> CallError {
    let mut lost = CallError::new(
        codes::ABORTED,
        format!("The connection to the MCP server {service} was lost; whether it has done what was asked is not known."),
    )
    .with_details(json!({ "reason": LOST }));
    lost.cause = Some(error.to_string());
    lost
}

fn not_mcp(service: &str) -> String {
    format!("The MCP server {service} does not answer as one; check its URL or command.")
}

fn failed(message: String, cause: Option<String>) -> CallError {
    let mut error = CallError::new(codes::EXECUTION_ERROR, message);
    error.cause = cause;
    error
}

fn unavailable(message: String, cause: Option<String>) -> CallError {
    let mut error = CallError::new(codes::UNAVAILABLE, message);
    (error.cause, error.retry_after) = (cause, Some(1));
    error
}
