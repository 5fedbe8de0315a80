//! `provider.delete`

use alkhub_api::{
    errors::ProviderNotFound,
    provider::delete::{Delete, Error, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{convert, hub::Hub, storage::llm::providers};

impl Handle<Delete> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        match providers::remove(&self.database, &convert::actor(cx), &input.name).await? {
            Some(revision) => {
                self.llm.settle(revision).await?;
                Ok(Output { name: input.name })
            }
            None => Err(Error::ProviderNotFound(ProviderNotFound { name: input.name })),
        }
    }
}
