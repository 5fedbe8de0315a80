//! Between what the proxy to language models keeps and what its operations answer with.

use alkhub_api::shared;
use alkhub_core::CallError;
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{
    hub::Hub,
    llm::{ProviderConfig, Target, usd},
    storage::{
        llm::{Budget, Provider, usage::Record},
        time::rfc3339,
    },
};

/// From one type to another that has the same JSON.
///
/// # Errors
/// EXECUTION_ERROR where it has not, which is a fault of the program.
pub(crate) fn same<T: DeserializeOwned>(value: &impl Serialize) -> Result<T, CallError> {
    let value = serde_json::to_value(value).map_err(|error| CallError::internal(&error))?;
    serde_json::from_value(value).map_err(|error| CallError::internal(&error))
}

/// A provider as callers see it: without its keys.
///
/// # Errors
/// EXECUTION_ERROR where it is not stored as it should be.
pub(crate) fn provider(stored: &Provider) -> Result<shared::Provider, CallError> {
    let config: ProviderConfig =
        serde_json::from_str(&stored.config).map_err(|error| CallError::internal(&error))?;
    Ok(shared::Provider {
        name: stored.name.clone(),
        kind: same(&stored.kind)?,
        base_url: stored.base_url.clone(),
        keys: i64::try_from(config.keys).unwrap_or(i64::MAX),
        prices: (!config.prices.is_empty()).then(|| same(&config.prices)).transpose()?,
        responses: config.responses.then_some(true),
        models: config.models,
        created_at: rfc3339(stored.created_at),
        updated_at: rfc3339(stored.updated_at),
    })
}

/// A budget as callers see it.
///
/// # Errors
/// EXECUTION_ERROR where it is not stored as it should be.
pub(crate) fn budget(stored: &Budget) -> Result<shared::Budget, CallError> {
    Ok(shared::Budget {
        kind: same(&stored.kind)?,
        subject: stored.subject.clone(),
        period: same(&stored.period)?,
        limit_usd: usd(stored.amount),
        spent_usd: usd(stored.spent),
        reserved_usd: usd(stored.reserved),
    })
}

/// Usage as callers see it.
///
/// # Errors
/// EXECUTION_ERROR where it is not stored as it should be.
pub(crate) fn usage(record: Record) -> Result<shared::Usage, CallError> {
    Ok(shared::Usage {
        request_id: record.id,
        at: rfc3339(record.at),
        key_id: record.key_id,
        project: record.project,
        session: record.session,
        operation: record.operation,
        requested: record.requested,
        provider: record.provider,
        model: record.model,
        input_tokens: record.input_tokens,
        cached_tokens: record.cached_tokens,
        output_tokens: record.output_tokens,
        reasoning_tokens: record.reasoning_tokens,
        cost_usd: usd(record.cost),
        estimated: record.estimated,
        status: same(&record.status)?,
        attempts: i64::from(record.attempts),
        latency_ms: record.latency_ms,
        first_token_ms: record.first_token_ms,
    })
}

/// A name and what it stands for.
///
/// # Errors
/// EXECUTION_ERROR.
pub(crate) fn model(id: String, targets: Option<&[Target]>) -> Result<shared::Model, CallError> {
    Ok(match targets {
        Some(targets) => shared::Model {
            id,
            kind: shared::ModelKind::Alias,
            provider: None,
            targets: Some(same(&targets)?),
        },
        None => shared::Model {
            provider: id.split_once('/').map(|(provider, _)| provider.to_owned()),
            id,
            kind: shared::ModelKind::Model,
            targets: None,
        },
    })
}

impl Hub {
    /// Seals the keys of a provider; `None` where there are none.
    ///
    /// # Errors
    /// NO_MASTER_KEY or EXECUTION_ERROR.
    pub(crate) async fn seal_keys(&self, keys: Vec<String>) -> Result<Option<String>, CallError> {
        if keys.is_empty() {
            return Ok(None);
        }
        let text = serde_json::to_vec(&keys).map(Zeroizing::new).map_err(|error| CallError::internal(&error));
        keys.into_iter().map(Zeroizing::new).for_each(drop);
        self.vault.seal(text?).await.map(Some)
    }
}

/// All keys that were given.
pub(crate) fn keys(one: Option<String>, several: Option<Vec<String>>) -> Option<Vec<String>> {
    match (one, several) {
        (None, None) => None,
        (one, several) => Some(one.into_iter().chain(several.unwrap_or_default()).collect()),
    }
}

/// The base URL of a provider: what was given, with `/v1` where it has no path, or the vendor's own.
///
/// # Errors
/// VALIDATION_ERROR where a provider that may be anywhere has none.
pub(crate) fn base_url(kind: shared::ProviderKind, given: Option<&str>) -> Result<String, CallError> {
    match (kind, given) {
        (_, Some(url)) => {
            let mut parsed =
                url::Url::parse(url).map_err(|_| CallError::fault("/baseUrl", "must be a URL"))?;
            if parsed.path() == "/" && parsed.query().is_none() {
                parsed.set_path("/v1");
            }
            Ok(parsed.as_str().trim_end_matches('/').to_owned())
        }
        (shared::ProviderKind::Openai, None) => Ok("https://api.openai.com/v1".to_owned()),
        (shared::ProviderKind::Anthropic, None) => Ok("https://api.anthropic.com/v1".to_owned()),
        (shared::ProviderKind::OpenaiCompatible, None) => {
            Err(CallError::fault("/baseUrl", "must be given for a provider of this kind"))
        }
    }
}
