//! A provider as this process knows it: where it is, by which keys it is asked, and which of these rest.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use alkhub_core::{CallError, call::now_ms};
use http::{HeaderName, HeaderValue, header};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Price, dialect::Dialect};
use crate::storage::llm::Provider as Stored;

/// What of a provider is stored as JSON.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Models that are listed.
    pub models: Vec<String>,
    /// Prices by model, or `*`.
    pub prices: BTreeMap<String, Price>,
    /// Whether one that is only compatible has responses.
    pub responses: bool,
    /// How many keys there are.
    pub keys: usize,
}

/// Failures in a row after which a key rests.
const FAILURES: u32 = 5;
/// Shortest and longest rest.
const REST: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(120));

/// One key, and how it fares: the circuit breaker.
pub(super) struct Key {
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    /// For taking it out of what a provider says.
    secret: Zeroizing<String>,
    failures: AtomicU32,
    rests: AtomicU32,
    /// Milliseconds since the Unix epoch until which it is not used.
    until: AtomicU64,
}

pub(super) struct Provider {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) base: Url,
    pub(super) config: Config,
    pub(super) revision: i64,
    /// The keys as they are stored; where they have not changed they need not be opened again.
    pub(super) sealed: Option<String>,
    pub(super) keys: Vec<Key>,
    turn: AtomicUsize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    OpenAi,
    Anthropic,
    Compatible,
}

impl Kind {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "openai" => Some(Self::OpenAi),
            "anthropic" => Some(Self::Anthropic),
            "openai-compatible" => Some(Self::Compatible),
            _ => None,
        }
    }
}

impl Provider {
    /// Of a stored one and its keys.
    pub(super) fn of(stored: &Stored, keys: Vec<Zeroizing<String>>) -> Result<Self, CallError> {
        let kind = Kind::parse(&stored.kind)
            .ok_or_else(|| CallError::internal(&format_args!("unknown kind of provider {}", stored.kind)))?;
        let base = Url::parse(&stored.base_url).map_err(|error| CallError::internal(&error))?;
        let config: Config =
            serde_json::from_str(&stored.config).map_err(|error| CallError::internal(&error))?;
        let mut all = Vec::with_capacity(keys.len().max(1));
        for secret in keys {
            let (name, text) = match kind {
                Kind::Anthropic => (HeaderName::from_static("x-api-key"), secret.clone()),
                _ => (header::AUTHORIZATION, Zeroizing::new(format!("Bearer {}", secret.as_str()))),
            };
            let mut value = HeaderValue::from_str(&text).map_err(|error| CallError::internal(&error))?;
            value.set_sensitive(true);
            all.push(Key::new(Some((name, value)), secret));
        }
        if all.is_empty() {
            all.push(Key::new(None, Zeroizing::default()));
        }
        Ok(Self {
            name: stored.name.clone(),
            kind,
            base,
            config,
            revision: stored.revision,
            sealed: stored.credentials.clone(),
            keys: all,
            turn: AtomicUsize::new(0),
        })
    }

    /// The dialect in which it is asked what a caller asks in another; `None` where it has nothing of the kind.
    pub(super) fn speaks(&self, wanted: Dialect) -> Option<Dialect> {
        match (self.kind, wanted) {
            (Kind::Anthropic, Dialect::Embeddings) => None,
            (Kind::Anthropic, Dialect::CountTokens) => Some(Dialect::CountTokens),
            (Kind::Anthropic, _) => Some(Dialect::Messages),
            (_, Dialect::CountTokens) => None,
            (_, Dialect::Embeddings) => Some(Dialect::Embeddings),
            (Kind::OpenAi, Dialect::Responses) => Some(Dialect::Responses),
            (Kind::Compatible, Dialect::Responses) if self.config.responses => Some(Dialect::Responses),
            _ => Some(Dialect::Chat),
        }
    }

    /// As OpenTelemetry's conventions call it; one that they do not know by the hub's own name.
    pub(super) fn conventional_name(&self) -> &str {
        match self.kind {
            Kind::OpenAi => "openai",
            Kind::Anthropic => "anthropic",
            Kind::Compatible => &self.name,
        }
    }

    pub(super) fn url(&self, path: &str) -> Result<Url, CallError> {
        let text = format!("{}/{path}", self.base.as_str().trim_end_matches('/'));
        Url::parse(&text).map_err(|error| CallError::internal(&error))
    }

    /// The next key in turn that does not rest, and has not been tried in this request.
    pub(super) fn pick(&self, tried: &[usize]) -> Option<usize> {
        let (now, start) = (now_ms(), self.turn.fetch_add(1, Relaxed));
        let order = (0..self.keys.len()).map(|step| start.wrapping_add(step) % self.keys.len());
        order
            .filter(|index| !tried.contains(index))
            .find(|index| self.keys[*index].until.load(Relaxed) <= now)
    }

    /// Seconds until one of its keys has rested.
    pub(super) fn rests_for(&self) -> u32 {
        let soonest = self.keys.iter().map(|key| key.until.load(Relaxed)).min().unwrap_or_default();
        u32::try_from(soonest.saturating_sub(now_ms()).div_ceil(1000)).unwrap_or(u32::MAX).max(1)
    }

    /// How many of its keys rest.
    pub(super) fn resting(&self) -> usize {
        let now = now_ms();
        self.keys.iter().filter(|key| key.until.load(Relaxed) > now).count()
    }

    /// Its keys.
    pub(super) fn secrets(&self) -> Vec<Zeroizing<String>> {
        self.keys.iter().map(|key| key.secret.clone()).filter(|secret| !secret.is_empty()).collect()
    }

    /// Takes its keys out of a text that it has sent.
    pub(super) fn scrub(&self, text: &str) -> String {
        self.keys.iter().fold(text.to_owned(), |text, key| match key.secret.as_str() {
            "" => text,
            secret => text.replace(secret, "[secret]"),
        })
    }
}

impl Key {
    fn new(header: Option<(HeaderName, HeaderValue)>, secret: Zeroizing<String>) -> Self {
        Self {
            header,
            secret,
            failures: AtomicU32::new(0),
            rests: AtomicU32::new(0),
            until: AtomicU64::new(0),
        }
    }

    pub(super) fn succeeded(&self) {
        self.failures.store(0, Relaxed);
        self.rests.store(0, Relaxed);
    }

    /// Lets it rest: for as long as the provider said, or after so many failures, each time longer.
    pub(super) fn failed(&self, after: Option<Duration>, at_once: bool) {
        let failures = self.failures.fetch_add(1, Relaxed) + 1;
        let rest = match after {
            Some(after) => after.min(REST.1),
            // One try after each rest: a key that fails again rests at once.
            None if at_once || failures >= FAILURES => {
                let rests = self.rests.fetch_add(1, Relaxed).min(6);
                (REST.0 * 2_u32.pow(rests)).min(REST.1)
            }
            None => return,
        };
        let until = now_ms().saturating_add(u64::try_from(rest.as_millis()).unwrap_or(u64::MAX));
        self.until.fetch_max(until, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(keys: &[&str]) -> Provider {
        let stored = Stored {
            id: String::new(),
            name: "p".to_owned(),
            kind: "openai".to_owned(),
            base_url: "https://example.org/v1".to_owned(),
            credentials: None,
            config: "{}".to_owned(),
            revision: 1,
            created_at: 0,
            updated_at: 0,
        };
        let keys = keys.iter().map(|key| Zeroizing::new((*key).to_owned())).collect();
        Provider::of(&stored, keys).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn keys_are_used_in_turn_and_rest_after_failures() {
        let provider = provider(&["a", "b"]);
        assert_eq!((provider.pick(&[]), provider.pick(&[]), provider.pick(&[])), (Some(0), Some(1), Some(0)));
        for _ in 0..FAILURES {
            provider.keys[0].failed(None, false);
        }
        assert_eq!((provider.pick(&[]), provider.pick(&[]), provider.resting()), (Some(1), Some(1), 1));
        provider.keys[1].failed(Some(Duration::from_secs(7)), false);
        assert_eq!(provider.pick(&[]), None);
        assert!((1..=7).contains(&provider.rests_for()));
    }

    #[test]
    fn keys_are_taken_out_of_texts() {
        assert_eq!(provider(&["sk-1", "sk-2"]).scrub("bad key sk-2!"), "bad key [secret]!");
    }
}
