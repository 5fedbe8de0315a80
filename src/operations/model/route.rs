//! `model.route`

use alkhub_api::{
    errors::ProviderNotFound,
    model::route::{Error, Input, Output, Route},
};
use alkhub_core::{Call, CallError, Handle};

use crate::{convert, convert_llm, hub::Hub, llm::Target, storage::llm::models};

impl Handle<Route> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let targets: Vec<Target> = convert_llm::same(&input.targets)?;
        for target in &targets {
            let provider = target.model.split('/').next().unwrap_or_default();
            if !self.llm.has_provider(provider) {
                return Err(Error::ProviderNotFound(ProviderNotFound { name: provider.to_owned() }));
            }
        }
        let value = serde_json::to_value(&targets).map_err(|error| CallError::internal(&error))?;
        let revision = models::put(&self.database, &convert::actor(cx), &input.name, &value).await?;
        self.llm.settle(revision).await?;
        Ok(convert_llm::model(input.name, Some(&targets))?)
    }
}
