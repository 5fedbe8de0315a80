//! `model.alias`

use alkhub_api::{
    errors::ProviderNotFound,
    model::alias::{Alias, Error, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{convert, convert_llm, hub::Hub, llm::Target, storage::llm::models};

impl Handle<Alias> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let provider = input.model.split('/').next().unwrap_or_default();
        if !self.llm.has_provider(provider) {
            return Err(Error::ProviderNotFound(ProviderNotFound { name: provider.to_owned() }));
        }
        let targets = [Target { model: input.model, weight: 1, order: 0, timeout_seconds: None }];
        let value = convert_llm::same(&targets)?;
        let revision = models::put(&self.database, &convert::actor(cx), &input.name, &value).await?;
        self.llm.settle(revision).await?;
        Ok(convert_llm::model(input.name, Some(&targets))?)
    }
}
