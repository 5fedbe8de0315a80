//! What models cost: a table that ships with the hub, a file of the operator before it, and prices of providers.

use std::{collections::HashMap, path::Path};

use serde::{Deserialize, Serialize};

use super::{dialect::Usage, nanos};

const SHIPPED: &str = include_str!("prices.json");

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Price {
    /// Of requests.
    pub input: f64,
    /// Of answers.
    pub output: f64,
    /// Of requests, read from the provider's cache; as other input unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<f64>,
    /// Of requests, written into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
    /// Longest answer of the model, which bounds a reservation where the caller bounds nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
}

impl Price {
    /// What this usage costs, in billionths of a US dollar.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "no request has 2^53 tokens")]
    pub fn cost(&self, usage: &Usage) -> i64 {
        let plain = usage.input.saturating_sub(usage.cached).saturating_sub(usage.cache_write);
        let millionths = plain as f64 * self.input
            + usage.cached as f64 * self.cached.unwrap_or(self.input)
            + usage.cache_write as f64 * self.cache_write.unwrap_or(self.input)
            + usage.output as f64 * self.output;
        nanos(millionths / 1e6)
    }

    /// The most that so many tokens may cost, whichever of them are read from a cache or written into one.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "no request has 2^53 tokens")]
    pub fn most(&self, input: u64, output: u64) -> i64 {
        let dearest = [self.input, self.cached.unwrap_or(0.0), self.cache_write.unwrap_or(0.0)];
        let dearest = dearest.into_iter().fold(0.0, f64::max);
        nanos((input as f64 * dearest + output as f64 * self.output) / 1e6)
    }
}

/// Prices by model.
#[derive(Debug)]
pub(super) struct Prices {
    by_model: HashMap<String, Price>,
}

impl Prices {
    /// Those that ship with the hub, and those of a file before them.
    pub(super) fn load(file: Option<&Path>) -> Result<Self, String> {
        let mut by_model: HashMap<String, Price> =
            serde_json::from_str(SHIPPED).map_err(|error| format!("the prices of the hub: {error}"))?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("llm.prices: {} cannot be read: {error}", path.display()))?;
            let own: HashMap<String, Price> = serde_json::from_str(&text)
                .map_err(|error| format!("llm.prices: {}: {error}", path.display()))?;
            by_model.extend(own);
        }
        Ok(Self { by_model })
    }

    /// The price of a model; a dated version costs what the model does.
    pub(super) fn of(&self, model: &str) -> Option<Price> {
        self.by_model.get(model).or_else(|| self.by_model.get(undated(model))).copied()
    }
}

/// `gpt-4o-2024-08-06` is `gpt-4o`, `claude-haiku-4-5-20251001` is `claude-haiku-4-5`.
fn undated(model: &str) -> &str {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((stem, date)) = model.rsplit_once('-') {
        if digits(date, 8) {
            return stem;
        }
        let mut parts = model.rsplitn(4, '-');
        if let (Some(day), Some(month), Some(year), Some(stem)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
            && digits(day, 2)
            && digits(month, 2)
            && digits(year, 4)
        {
            return stem;
        }
    }
    model.strip_suffix("-latest").unwrap_or(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_and_their_versions_have_prices() {
        let prices = Prices::load(None).expect("prices");
        for model in
            ["gpt-4o-mini", "gpt-4o-2024-08-06", "claude-haiku-4-5-20251001", "text-embedding-3-small"]
        {
            assert!(prices.of(model).is_some(), "{model}");
        }
        assert_eq!(prices.of("no-such-model"), None);
    }

    #[test]
    fn cost_is_counted_by_kind_of_token() {
        let price = Price { input: 2.0, output: 10.0, cached: Some(0.5), ..Price::default() };
        let usage = Usage { input: 1000, cached: 400, output: 100, ..Usage::default() };
        assert_eq!(price.cost(&usage), nanos((600.0 * 2.0 + 400.0 * 0.5 + 100.0 * 10.0) / 1e6));
        assert_eq!(price.most(1000, 100), nanos((1000.0 * 2.0 + 100.0 * 10.0) / 1e6));
        assert!(Price { cache_write: Some(3.0), ..price }.most(1000, 0) == nanos(0.003));
        assert_eq!(price.cost(&Usage { output: 1, ..Usage::default() }), 10_000);
    }
}
