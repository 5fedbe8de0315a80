//! `llm.respond`

use alkhub_api::llm::respond::{Error, Input, Output, Respond};
use alkhub_core::{Call, CallError, Handle};

use crate::{hub::Hub, llm::dialect::Dialect};

impl Handle<Respond> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let body = serde_json::to_vec(&input).map_err(|error| CallError::internal(&error))?;
        let answer = self.llm.once(cx, Dialect::Responses, body.into()).await?;
        Ok(serde_json::from_slice(&answer).map_err(|error| CallError::internal(&error))?)
    }
}
