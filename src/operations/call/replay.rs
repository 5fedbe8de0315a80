//! `call.replay`

use alkhub_api::{
    call::replay::{Error, Input, InputMode, Output, OutputMode, Replay},
    shared::{CallFailure, CallStatus},
};
use alkhub_core::{Call, CallError, Handle, error::codes};
use uuid::Uuid;

use crate::{
    calls::{Mode, Replayed},
    convert::signed,
    convert_calls as convert,
    hub::Hub,
};

impl Handle<Replay> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let id = convert::request_id(&input.request_id)?;
        let (mode, shown) = match input.mode {
            InputMode::Verify => (Mode::Verify, OutputMode::Verify),
            InputMode::Resume => (Mode::Resume, OutputMode::Resume),
            InputMode::Fork => (Mode::Fork, OutputMode::Fork),
        };
        let from = input.from.as_deref().map(Uuid::try_parse).transpose();
        let from = from.map_err(|_| CallError::fault("/from", "must be the id of a call, a UUID"))?;
        if mode != Mode::Fork {
            let only = |pointer: &str| CallError::fault(pointer, "is for the mode `fork` alone");
            if from.is_some() {
                return Err(only("/from").into());
            }
            if input.input.is_some() {
                return Err(only("/input").into());
            }
        }
        let row = self.calls.recorded(id).await?;
        let row = row.filter(|row| convert::is_own(cx, row) || convert::rules_all(cx));
        let row = row.ok_or(Error::CallNotFound)?;
        let replayed = self.calls.replay(cx, row, mode, from, input.input).await?;
        let Replayed { request_id, answered, made, divergence, ended } = replayed;
        let divergence = divergence.map(serde_json::from_value).transpose();
        let divergence = divergence.map_err(|error| CallError::internal(&error))?;
        let (status, output, error) = match ended {
            Some(Ok(output)) => (CallStatus::Completed, Some(output), None),
            Some(Err(error)) => {
                let aborted = error.code == codes::ABORTED;
                let status = if aborted { CallStatus::Aborted } else { CallStatus::Failed };
                let CallError { code, message, details, .. } = error;
                (status, None, Some(CallFailure { code: code.into_owned(), message, details }))
            }
            None => (CallStatus::Aborted, None, None),
        };
        Ok(Output {
            request_id: request_id.to_string(),
            replay_of: id.to_string(),
            mode: shown,
            status,
            answered: signed(answered),
            made: signed(made),
            deterministic: (mode == Mode::Verify).then_some(divergence.is_none()),
            divergence,
            output,
            error,
        })
    }
}
