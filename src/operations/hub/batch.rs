//! `hub.batch`

use alkhub_api::{
    hub::batch::{Batch, Error, Input, InputCallsItem, Output, OutputResultsItem},
    shared::CallProblem,
};
use alkhub_core::{Call, CallError, Handle, once::IdempotencyKey};
use futures::{StreamExt, stream};
use serde_json::json;

use crate::{convert, hub::Hub};

/// Calls of one batch that run at once; the rest of the hub's callers want their turn too.
const SIDE_BY_SIDE: usize = 16;

impl Handle<Batch> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let results =
            stream::iter(input.calls).map(|call| one(cx, call)).buffered(SIDE_BY_SIDE).collect().await;
        Ok(Output { results })
    }
}

async fn one(cx: &Call, call: InputCallsItem) -> OutputResultsItem {
    let (request_id, answer) = run(cx, call).await;
    match answer {
        Ok(output) => OutputResultsItem { request_id, output: Some(output), error: None },
        Err(error) => {
            let problem =
                CallProblem { code: error.code.into_owned(), message: error.message, details: error.details };
            OutputResultsItem { request_id, output: None, error: Some(problem) }
        }
    }
}

async fn run(
    cx: &Call,
    call: InputCallsItem,
) -> (String, Result<alkhub_api::shared::ResponseEnvelope, CallError>) {
    let mut request = match cx.child(call.input.unwrap_or_else(|| json!({}))) {
        Ok(request) => request,
        Err(error) => return (cx.request_id().to_string(), Err(error)),
    };
    let request_id = request.id.to_string();
    // A batch is not a way to call more often.
    request.counted = false;
    let (engine, operation_id) = (cx.engine(), &call.operation_id);
    let answer = async {
        request.key = call.idempotency_key.as_deref().map(IdempotencyKey::new).transpose()?;
        let entry = engine.find(operation_id, cx.identity())?;
        let output = engine.call(entry, request).await?;
        convert::envelope(operation_id, output)
    };
    (request_id, answer.await)
}
