//! `provider.update`

use alkhub_api::{
    errors::ProviderNotFound,
    provider::update::{Error, Input, Output, Update},
};
use alkhub_core::{Call, CallError, Handle};

use crate::{
    convert, convert_llm,
    hub::Hub,
    llm::ProviderConfig,
    storage::llm::providers::{self, Changed},
};

impl Handle<Update> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let not_found = || Error::ProviderNotFound(ProviderNotFound { name: input.name.clone() });
        let Some(before) = providers::get(&self.database, &input.name).await? else { return Err(not_found()) };
        let kind = convert_llm::same(&before.kind)?;
        let keys = convert_llm::keys(input.api_key.clone(), input.api_keys.clone());
        let base_url = match &input.base_url {
            Some(url) => {
                let url = convert_llm::base_url(kind, Some(url))?;
                self.llm.check_url(&url)?;
                if url != before.base_url && before.credentials.is_some() && keys.is_none() {
                    // Whoever may change a provider must not thereby be sent its keys.
                    let message = "must come with new keys: those that are stored were given for another place";
                    return Err(CallError::fault("/baseUrl", message).into());
                }
                url
            }
            None => before.base_url.clone(),
        };
        let mut config: ProviderConfig =
            serde_json::from_str(&before.config).map_err(|error| CallError::internal(&error))?;
        if let Some(models) = input.models.clone() {
            config.models = models;
        }
        if let Some(prices) = &input.prices {
            config.prices = convert_llm::same(prices)?;
        }
        config.responses = input.responses.unwrap_or(config.responses);
        let sealed = match keys {
            Some(keys) => {
                config.keys = keys.len();
                Some(self.seal_keys(keys).await?)
            }
            None => None,
        };
        let config = serde_json::to_string(&config).map_err(|error| CallError::internal(&error))?;
        let change = |provider: &mut crate::storage::llm::Provider| {
            (provider.base_url, provider.config) = (base_url, config);
            if let Some(sealed) = sealed {
                provider.credentials = sealed;
            }
        };
        match providers::update(&self.database, &convert::actor(cx), &input.name, change).await? {
            Changed::Done(provider) => {
                self.llm.settle(provider.revision).await?;
                Ok(convert_llm::provider(&provider)?)
            }
            _ => Err(not_found()),
        }
    }
}
