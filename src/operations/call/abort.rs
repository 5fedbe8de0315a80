//! `call.abort`

use alkhub_api::{
    call::abort::{Abort, Error, Input, InputPolicy, Output, OutputReachedItem},
    shared::CallStatus,
};
use alkhub_core::{Call, CallError, Handle};

use crate::{
    calls::{Policy, Stopped},
    convert_calls as convert,
    hub::Hub,
};

impl Handle<Abort> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let id = convert::request_id(&input.request_id)?;
        let policy = match input.policy {
            InputPolicy::AbortDependents => Policy::AbortDependents,
            InputPolicy::ContinueRunning => Policy::ContinueRunning,
        };
        let Stopped { state, reached, finished, unreached } = self.calls.abort(cx, id, policy).await?;
        let request_id = id.to_string();
        if let Some(state) = state {
            let reached = reached
                .into_iter()
                .map(|one| {
                    Ok(OutputReachedItem {
                        state: status(&one.state)?,
                        request_id: one.request_id,
                        operation_id: one.operation_id,
                        node_id: one.node_id,
                        depth: one.depth,
                    })
                })
                .collect::<Result<_, CallError>>()?;
            let state = status(state.as_str())?;
            return Ok(Output { request_id, state, finished, reached, unreached });
        }
        let passed_on = cx.peer().is_some_and(alkhub_core::Peer::is_same_hub);
        let row = match passed_on {
            true => None,
            false => self.calls.recorded(id).await?.filter(|row| convert::may_see(cx, row)),
        };
        let row = row.ok_or(Error::CallNotFound)?;
        let state = status(&row.status)?;
        let finished = !matches!(state, CallStatus::Pending | CallStatus::Running);
        Ok(Output { request_id, state, finished, reached: Vec::new(), unreached })
    }
}

fn status(word: &str) -> Result<CallStatus, CallError> {
    serde_json::from_value(word.into()).map_err(|error| CallError::internal(&error))
}
