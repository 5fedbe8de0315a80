//! What agents look for on the web with.

use super::Secret;

/// Shared tools for the web.
#[derive(Debug, Clone)]
pub struct Web {
    /// What answers searches.
    pub provider: Provider,
    /// Where it is.
    pub url: Option<String>,
    /// Its key.
    pub api_key: Option<Secret>,
    /// Largest page that is read.
    pub fetch_bytes: usize,
}

impl Default for Web {
    fn default() -> Self {
        Self { provider: Provider::None, url: None, api_key: None, fetch_bytes: 4 * 1024 * 1024 }
    }
}

/// A search service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// None is configured.
    None,
    /// A SearXNG instance, with its JSON format switched on.
    Searxng,
    /// The Brave Search API.
    Brave,
}
