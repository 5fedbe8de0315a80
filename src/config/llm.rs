//! Requests to language models.

use std::{path::PathBuf, time::Duration};

const MIB: usize = 1024 * 1024;

/// Requests to language models.
#[derive(Debug, Clone)]
pub struct Llm {
    /// Largest request; images stand in requests.
    pub body_bytes: usize,
    /// Largest event of a stream.
    pub event_bytes: usize,
    /// Longest wait for the first token of a stream, or for a whole answer.
    pub timeout: Duration,
    /// Longest silence in the middle of a stream.
    pub idle_timeout: Duration,
    /// Further attempts with one provider.
    pub retries: u32,
    /// Bound of answers where a provider insists on one and the caller names none.
    pub max_tokens: u64,
    /// A file of prices.
    pub prices: Option<PathBuf>,
    /// Memory for answers that are given again.
    pub cache_bytes: usize,
    /// How long recorded prompts and answers are kept.
    pub capture_keep: Duration,
    /// How long lines of usage are kept; zero is for ever.
    pub usage_keep: Duration,
}

impl Default for Llm {
    fn default() -> Self {
        Self {
            body_bytes: 32 * MIB,
            event_bytes: 8 * MIB,
            timeout: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(120),
            retries: 2,
            max_tokens: 4096,
            prices: None,
            cache_bytes: 64 * MIB,
            capture_keep: Duration::from_secs(7 * 24 * 60 * 60),
            // A year, and some time to look at it.
            usage_keep: Duration::from_secs(400 * 24 * 60 * 60),
        }
    }
}

impl super::Config {
    /// Bounds and habits of the proxy to language models.
    #[must_use]
    pub fn llm_settings(&self) -> crate::llm::Settings {
        let llm = self.llm.clone();
        crate::llm::Settings {
            body_bytes: llm.body_bytes,
            event_bytes: llm.event_bytes,
            timeout: llm.timeout,
            idle_timeout: llm.idle_timeout,
            retries: llm.retries,
            max_tokens: llm.max_tokens,
            prices: llm.prices,
            cache_bytes: llm.cache_bytes,
            capture_keep: llm.capture_keep,
            usage_keep: llm.usage_keep,
        }
    }
}
