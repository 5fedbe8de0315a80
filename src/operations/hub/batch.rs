//! `hub.batch`

use std::sync::Arc;

use alkhub_api::{
    hub::batch::{Batch, Error, Input, InputCallsItem, Output, OutputResultsItem},
    shared::{CallProblem, ResponseEnvelope},
};
use alkhub_core::{Call, CallError, Handle, once::IdempotencyKey, rate::Notes};
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
    let notes = Arc::new(Notes::default());
    let (request_id, answer) = run(cx, call, &notes).await;
    let (output, error) = match answer {
        Ok(output) => (Some(output), None),
        Err(error) => (
            None,
            Some(CallProblem {
                code: error.code.into_owned(),
                message: error.message,
                details: error.details,
            }),
        ),
    };
    OutputResultsItem { request_id, output, error, replayed: notes.read().replayed.then_some(true) }
}

async fn run(
    cx: &Call,
    call: InputCallsItem,
    notes: &Arc<Notes>,
) -> (String, Result<ResponseEnvelope, CallError>) {
    let mut request = match cx.child(call.input.unwrap_or_else(|| json!({}))) {
        Ok(request) => request,
        Err(error) => return (cx.request_id().to_string(), Err(error)),
    };
    let request_id = request.id.to_string();
    // A batch is not a way to call more often.
    request.counted = false;
    request.notes = Some(notes.clone());
    let (engine, operation_id) = (cx.engine(), &call.operation_id);
    let answer = async {
        request.key = call.idempotency_key.as_deref().map(IdempotencyKey::new).transpose()?;
        let entry = engine.find(operation_id, cx.identity())?;
        let output = engine.call(entry, request).await?;
        convert::envelope(operation_id, output)
    };
    (request_id, answer.await)
}
