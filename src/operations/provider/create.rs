//! `provider.create`

use alkhub_api::{
    errors::ProviderExists,
    provider::create::{Create, Error, Input, Output},
};
use alkhub_core::{Call, CallError, Handle};

use crate::{
    convert, convert_llm,
    hub::Hub,
    llm::ProviderConfig,
    storage::{
        llm::{
            Provider,
            providers::{self, Changed},
        },
        time::now_ms,
    },
};

impl Handle<Create> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let base_url = convert_llm::base_url(input.kind, input.base_url.as_deref())?;
        self.llm.check_url(&base_url)?;
        let keys = convert_llm::keys(input.api_key, input.api_keys).unwrap_or_default();
        let config = ProviderConfig {
            models: input.models.unwrap_or_default(),
            prices: convert_llm::same(&input.prices.unwrap_or_default())?,
            responses: input.responses.unwrap_or(false),
            keys: keys.len(),
        };
        let now = now_ms();
        let provider = Provider {
            id: uuid::Uuid::now_v7().to_string(),
            name: input.name.clone(),
            kind: input.kind.to_string(),
            base_url,
            credentials: self.seal_keys(keys).await?,
            config: serde_json::to_string(&config).map_err(|error| CallError::internal(&error))?,
            revision: 0,
            created_at: now,
            updated_at: now,
        };
        match providers::add(&self.database, &convert::actor(cx), provider).await? {
            Changed::Done(provider) => {
                self.llm.settle(provider.revision).await?;
                Ok(convert_llm::provider(&provider)?)
            }
            _ => Err(Error::ProviderExists(ProviderExists { name: input.name })),
        }
    }
}
