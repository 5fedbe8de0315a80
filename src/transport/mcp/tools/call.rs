//! `call`, and tools that are operations themselves.

use std::{sync::Arc, time::Duration};

use alkhub_core::{CallError, engine::Answer, once::IdempotencyKey, registry::Entry};
use rmcp::model::CallToolResult;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Asked, Collecting, Tools, collect, read, result};
use crate::progress as told;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    operation_id: String,
    #[serde(default)]
    input: Option<Value>,
    #[serde(default)]
    idempotency_key: Option<String>,
    #[serde(default)]
    collect: Option<Collect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Collect {
    items: Option<usize>,
    seconds: Option<f64>,
}

/// Calls the operation that the arguments name.
pub(super) async fn run(tools: &Tools, mut asked: Asked<'_>) -> Result<CallToolResult, CallError> {
    let arguments: Arguments = read(std::mem::take(&mut asked.arguments))?;
    let entry = tools.reach(&arguments.operation_id, &asked.cx.caller)?;
    let mut bounds = tools.collecting();
    if let Some(collect) = arguments.collect {
        bounds.items = collect.items.unwrap_or(usize::MAX).clamp(1, bounds.items);
        let time = collect.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        bounds.time = time.unwrap_or(Duration::MAX).min(bounds.time);
    }
    asked.key = arguments.idempotency_key.or(asked.key);
    dispatch(tools, entry, input(arguments.input), asked, bounds).await
}

/// Some models write the input as a text of JSON; what it can only mean is taken.
pub(super) fn input(given: Option<Value>) -> Value {
    match given {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(Value::String(text)) => match serde_json::from_str(&text) {
            Ok(Value::Object(input)) => Value::Object(input),
            _ => Value::String(text),
        },
        Some(input) => input,
    }
}

/// Calls an operation with the arguments as its input.
pub(super) async fn own(
    tools: &Tools,
    entry: Arc<Entry>,
    mut asked: Asked<'_>,
) -> Result<CallToolResult, CallError> {
    let input = Value::Object(std::mem::take(&mut asked.arguments));
    dispatch(tools, entry, input, asked, tools.collecting()).await
}

async fn dispatch(
    tools: &Tools,
    entry: Arc<Entry>,
    input: Value,
    asked: Asked<'_>,
    bounds: Collecting,
) -> Result<CallToolResult, CallError> {
    let mut request = asked.cx.request(asked.cx.request_id, input);
    request.key = asked.key.as_deref().map(IdempotencyKey::new).transpose()?;
    let answer = match asked.progress.is_wanted() {
        false => tools.engine().dispatch(entry, request).await?,
        true => {
            let (progress, mut heard) = told::Progress::new();
            request.carried = Some(Arc::new(progress));
            let mut answer = std::pin::pin!(tools.engine().dispatch(entry, request));
            loop {
                tokio::select! {
                    biased;
                    Some(step) = heard.recv() => asked.progress.pass(step).await,
                    answer = &mut answer => break answer?,
                }
            }
        }
    };
    match answer {
        Answer::Once(output) => result::output(output),
        Answer::Stream(items) => collect::collect(items, bounds, &asked.progress, asked.cx.request_id).await,
    }
}
