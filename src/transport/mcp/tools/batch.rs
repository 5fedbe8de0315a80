//! `batch`

use alkhub_core::{CallError, once::IdempotencyKey};
use futures::{StreamExt, stream};
use rmcp::model::CallToolResult;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Asked, Tools, call, read, result};
use crate::transport::mcp::context::Context;

/// Calls of one batch, and how many of them run at once, as of `hub.batch`.
const MOST: usize = 100;
const SIDE_BY_SIDE: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    calls: Vec<One>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct One {
    operation_id: String,
    #[serde(default)]
    input: Option<Value>,
    #[serde(default)]
    idempotency_key: Option<String>,
}

pub(super) async fn run(tools: &Tools, asked: Asked<'_>) -> Result<CallToolResult, CallError> {
    let arguments: Arguments = read(asked.arguments)?;
    let count = arguments.calls.len();
    if count == 0 || count > MOST {
        return Err(CallError::fault("/calls", format!("must have 1 to {MOST} items; it has {count}")));
    }
    let results: Vec<Value> = stream::iter(arguments.calls)
        .map(|one| answer(tools, asked.cx, one))
        .buffered(SIDE_BY_SIDE)
        .collect()
        .await;
    Ok(result::structured(json!({ "results": results })))
}

async fn answer(tools: &Tools, cx: &Context, one: One) -> Value {
    let id = Uuid::now_v7();
    let operation = one.operation_id.clone();
    let mut told = json!({ "operationId": operation, "requestId": id });
    match output(tools, cx, id, one).await {
        Ok(output) => told["output"] = output,
        Err(error) => told["error"] = result::problem(&error, id),
    }
    told
}

async fn output(tools: &Tools, cx: &Context, id: Uuid, one: One) -> Result<Value, CallError> {
    let entry = tools.reach(&one.operation_id, &cx.caller)?;
    let mut request = cx.request(id, call::input(one.input));
    request.key = one.idempotency_key.as_deref().map(IdempotencyKey::new).transpose()?;
    tools.engine().call(entry, request).await?.typed()
}
