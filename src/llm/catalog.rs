//! Who serves which models, under which names, and for whom: a picture of the tables at one moment.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::provider::Provider;

/// One of the models that a name stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// `provider/model`.
    pub model: String,
    /// Share among targets of the same order.
    #[serde(default = "one")]
    pub weight: u32,
    /// Targets of a higher order are asked after those of a lower one.
    #[serde(default)]
    pub order: u32,
    /// Longest wait for the first token or the whole answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

fn one() -> u32 {
    1
}

/// So many in such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// How many.
    pub count: u64,
    /// In how many seconds.
    pub seconds: u64,
}

/// What a key may use. What is absent is not bounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// Names that it may ask for; `*` stands for any characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Requests in a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Quota>,
    /// Tokens in a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Quota>,
    /// Project that its requests are counted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Whether prompts and answers are kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub record: bool,
    /// How long answers are given again.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_seconds: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Policy {
    /// Whether it allows this name.
    #[must_use]
    pub fn allows(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|pattern| matches(pattern, model)))
    }
}

/// `*` stands for any characters. Linear but for the number of stars.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A model of a provider that is to be asked.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) provider: Arc<Provider>,
    pub(super) model: String,
    pub(super) timeout: Option<Duration>,
}

impl Candidate {
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.provider.name, self.model)
    }
}

#[derive(Default)]
pub(super) struct Catalog {
    pub(super) providers: BTreeMap<String, Arc<Provider>>,
    pub(super) aliases: BTreeMap<String, Vec<Target>>,
    pub(super) policies: HashMap<String, Arc<Policy>>,
    /// Ids of budgets by kind and subject.
    pub(super) budgets: HashMap<(String, String), Vec<String>>,
}

impl Catalog {
    pub(super) fn policy(&self, key_id: &str) -> Arc<Policy> {
        self.policies.get(key_id).cloned().unwrap_or_default()
    }

    /// Whom to ask for a model, in which order; empty where no one has it.
    pub(super) fn resolve(&self, name: &str) -> Vec<Candidate> {
        if let Some(targets) = self.aliases.get(name) {
            return self.routed(targets);
        }
        if let Some(candidate) = self.direct(name, None) {
            return vec![candidate];
        }
        // A name without its provider, where one alone lists it.
        let mut listed = self
            .providers
            .values()
            .filter(|provider| provider.config.models.iter().any(|model| model == name));
        match (listed.next(), listed.next()) {
            (Some(provider), None) => {
                vec![Candidate { provider: provider.clone(), model: name.to_owned(), timeout: None }]
            }
            _ => Vec::new(),
        }
    }

    fn direct(&self, name: &str, timeout: Option<u32>) -> Option<Candidate> {
        let (provider, model) = name.split_once('/')?;
        let provider = self.providers.get(provider)?.clone();
        let timeout = timeout.map(|seconds| Duration::from_secs(u64::from(seconds)));
        (!model.is_empty()).then(|| Candidate { provider, model: model.to_owned(), timeout })
    }

    /// By order, and within one order at random by weight.
    fn routed(&self, targets: &[Target]) -> Vec<Candidate> {
        let mut drawn: Vec<(u32, f64, &Target)> = targets
            .iter()
            .map(|target| {
                // The smallest of exponential variables is each with a chance that is its rate.
                let uniform: f64 = rand::random_range(f64::MIN_POSITIVE..1.0);
                (target.order, -uniform.ln() / f64::from(target.weight.max(1)), target)
            })
            .collect();
        drawn.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
        drawn
            .into_iter()
            .filter_map(|(_, _, target)| self.direct(&target.model, target.timeout_seconds))
            .collect()
    }

    pub(super) fn budgets_of(
        &self,
        key_id: &str,
        project: Option<&str>,
        session: Option<&str>,
    ) -> Vec<String> {
        if self.budgets.is_empty() {
            return Vec::new();
        }
        let subjects = [("key", Some(key_id)), ("project", project), ("session", session)];
        subjects
            .into_iter()
            .filter_map(|(kind, subject)| self.budgets.get(&(kind.to_owned(), subject?.to_owned())))
            .flatten()
            .cloned()
            .collect()
    }

    pub(super) fn models(&self, key_id: Option<&str>) -> Vec<(String, Option<Vec<Target>>)> {
        let policy = key_id.map(|key_id| self.policy(key_id)).unwrap_or_default();
        let aliases = self.aliases.iter().map(|(name, targets)| (name.clone(), Some(targets.clone())));
        let models = self.providers.values().flat_map(|provider| {
            provider.config.models.iter().map(|model| (format!("{}/{model}", provider.name), None))
        });
        aliases.chain(models).filter(|(name, _)| policy.allows(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a/*", "a/b/c", true),
            ("a/*", "b/a/", false),
            ("*-mini", "gpt-4o-mini", true),
            ("*-mini", "gpt-4o-mini-x", false),
            ("g*4*i", "gpt-4o-mini", true),
            ("a*a", "a", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
