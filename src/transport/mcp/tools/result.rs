//! What a tool answers with.

use alkhub_core::{CallError, engine::Output};
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// An output, as text and as JSON; of an imported MCP tool, with what it showed.
pub(super) fn output(output: Output) -> Result<CallToolResult, CallError> {
    let shown = output.envelope().and_then(|envelope| shown(envelope));
    let data = output.into_data();
    let value: Value = serde_json::from_slice(&data).map_err(|error| CallError::internal(&error))?;
    let mut result = match shown {
        Some(content) => CallToolResult::success(content),
        None => {
            let text = String::from_utf8(data.into()).map_err(|error| CallError::internal(&error))?;
            CallToolResult::success(vec![ContentBlock::text(text)])
        }
    };
    result.structured_content = Some(value);
    Ok(result)
}

/// The same value as text and as JSON.
pub(super) fn structured(value: Value) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(value.to_string())]);
    result.structured_content = Some(value);
    result
}

/// One text for models, and the same as JSON for programs.
pub(super) fn told(text: String, value: Value) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(value);
    result
}

/// A call that failed.
pub(super) fn failed(error: &CallError, request_id: Uuid) -> CallToolResult {
    let mut result = structured(problem(error, request_id));
    result.is_error = Some(true);
    result
}

/// An error as it is told.
pub(in super::super) fn problem(error: &CallError, request_id: Uuid) -> Value {
    let mut problem = Map::new();
    problem.insert("code".to_owned(), json!(error.code));
    problem.insert("message".to_owned(), json!(error.message));
    if let Some(details) = &error.details {
        problem.insert("details".to_owned(), details.clone());
    }
    if let Some(seconds) = error.retry_after {
        problem.insert("retryAfter".to_owned(), json!(seconds));
    }
    problem.insert("requestId".to_owned(), json!(request_id));
    Value::Object(problem)
}

/// The content blocks of an imported MCP tool's answer.
fn shown(envelope: &[u8]) -> Option<Vec<ContentBlock>> {
    #[derive(Deserialize)]
    struct Envelope {
        meta: Meta,
    }
    #[derive(Deserialize)]
    struct Meta {
        source: String,
        #[serde(default)]
        content: Vec<ContentBlock>,
    }
    let envelope: Envelope = serde_json::from_slice(envelope).ok()?;
    (envelope.meta.source == "mcp" && !envelope.meta.content.is_empty()).then_some(envelope.meta.content)
}
