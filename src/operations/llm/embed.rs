//! `llm.embed`

use alkhub_api::llm::embed::{Error, Input, Output, Embed};
use alkhub_core::{Call, CallError, Handle};

use crate::{hub::Hub, llm::dialect::Dialect};

impl Handle<Embed> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let body = serde_json::to_vec(&input).map_err(|error| CallError::internal(&error))?;
        let answer = self.llm.once(cx, Dialect::Embeddings, body.into()).await?;
        Ok(serde_json::from_slice(&answer).map_err(|error| CallError::internal(&error))?)
    }
}
