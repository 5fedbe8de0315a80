//! `llm.allowance`

use alkhub_api::llm::allowance::{Allowance, Error, Input, Output};
use alkhub_core::{Call, CallError, Handle};

use crate::{hub::Hub, storage::llm::policies};

impl Handle<Allowance> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let stored = policies::get(&self.database, &input.key_id).await?;
        let text = stored.map_or_else(|| "{}".to_owned(), |stored| stored.policy);
        Ok(serde_json::from_str(&text).map_err(|error| CallError::internal(&error))?)
    }
}
