//! Plain calls of tools: one answer, nothing told meanwhile. rmcp makes a service, a task and two channels for each
//! request and reads its message through a tree, which costs more than most tools; these need none of that (ADR 0060).
//! Whatever else a request says, rmcp serves it.

use alkhub_core::CallError;
use http::HeaderMap;
use poem::Response;
use rmcp::model::CallToolResult;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    REVISIONS, STATELESS, answer,
    context::Context,
    peek::{Message, Plain},
    tools::{Asked, Progress, Tools},
};

/// Headers by which newer revisions say again what the message says; comparing them is rmcp's.
const COMPARED: [&str; 2] = ["mcp-method", "mcp-name"];

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: CallToolResult,
}

/// The call that a request of a session is, where it is a plain one.
pub(super) fn read<'a>(headers: &HeaderMap, message: &Message<'a>) -> Option<Plain<'a>> {
    let known = match headers.get("mcp-protocol-version") {
        Some(said) => REVISIONS.iter().any(|known| *known != STATELESS && said == known),
        None => true,
    };
    if !known || COMPARED.iter().any(|name| headers.contains_key(*name)) {
        return None;
    }
    message.plain()
}

/// Serves it; `None` where there is no such tool for this caller, which rmcp has words for.
pub(super) async fn serve(
    tools: &Tools,
    cx: &Context,
    call: Plain<'_>,
) -> Option<Result<Response, CallError>> {
    let asked =
        Asked { cx, arguments: call.arguments.unwrap_or_default(), progress: Progress::untold(), key: None };
    let mut result = tools.call(&call.name, asked).await.ok()?;
    // Older revisions do not have it.
    result.result_type = None;
    let answer = Answer { jsonrpc: "2.0", id: call.id, result };
    let text = serde_json::to_vec(&answer).map_err(|error| CallError::internal(&error));
    Some(text.map(|text| answer::json_answer(http::StatusCode::OK, text.into())))
}
