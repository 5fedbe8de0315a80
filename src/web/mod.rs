//! The web, as agents read it: pages as Markdown, and searches.

mod fetch;
mod page;
mod search;
mod text;
mod weigh;

use std::sync::Arc;

use alkhub_core::CallError;
use tokio::sync::Semaphore;

pub use fetch::{Fetched, Mode, Unreadable};
pub use search::{Found, Freshness, Query, Results};

use self::search::Service;
use crate::{
    config::{Provider, Web as Settings},
    outbound::{Guard, Outbound},
};

/// Pages that are made into Markdown at once; each takes a thread and several times its size in memory.
const AT_ONCE: usize = 2;

/// Reads pages and searches. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    outbound: Outbound,
    bytes: usize,
    turns: Arc<Semaphore>,
    search: Option<Arc<Service>>,
}

impl Web {
    /// With this way out. The search service is the operator's choice and may be in a private network: `allowed` is
    /// what else may be.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(
        outbound: &Outbound,
        allowed: &[crate::outbound::Allowed],
        settings: &Settings,
    ) -> Result<Self, String> {
        let search = match settings.provider {
            Provider::None => None,
            provider => {
                let url = Service::url(provider, settings.url.as_deref())?;
                let host = url.host_str().unwrap_or_default();
                let port = url.port_or_known_default().unwrap_or_default();
                let mut allowed = allowed.to_vec();
                allowed.extend(format!("{host}:{port}").parse::<crate::outbound::Allowed>());
                let outbound = Outbound::new(Guard::new(&allowed), outbound.limits().clone())
                    .map_err(|error: CallError| error.to_string())?;
                Some(Arc::new(Service::new(provider, url, settings.api_key.clone(), outbound)?))
            }
        };
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self { outbound: outbound.clone(), bytes: settings.fetch_bytes, turns, search })
    }
}
