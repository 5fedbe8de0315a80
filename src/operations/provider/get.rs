//! `provider.get`

use alkhub_api::{
    errors::ProviderNotFound,
    provider::get::{Error, Get, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{convert_llm, hub::Hub, storage::llm::providers};

impl Handle<Get> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        match providers::get(&self.database, &input.name).await? {
            Some(provider) => Ok(convert_llm::provider(&provider)?),
            None => Err(Error::ProviderNotFound(ProviderNotFound { name: input.name })),
        }
    }
}
