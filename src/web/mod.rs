//! The web, as agents read it: pages as Markdown, and searches.

mod fetch;
mod page;
mod search;
mod text;
mod weigh;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use alkhub_core::CallError;
use tokio::sync::Semaphore;

pub use fetch::{Fetched, Mode, Unreadable};
pub use search::{Found, Freshness, Query, Results};

use self::search::Service;
use crate::{
    config::{Provider, Web as Settings},
    outbound::Outbound,
};

/// Pages that are made into Markdown at once; each takes a thread and several times its size in memory.
const AT_ONCE: usize = 2;

/// Reads pages and searches. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    outbound: Outbound,
    bytes: Arc<AtomicUsize>,
    turns: Arc<Semaphore>,
    search: Option<Arc<Service>>,
}

impl Web {
    /// With this way out. The search service is the operator's choice and may be in a private network.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(outbound: &Outbound, settings: &Settings) -> Result<Self, String> {
        let search = match settings.provider {
            Provider::None => None,
            provider => {
                let url = Service::url(provider, settings.url.as_deref())?;
                let host = url.host_str().unwrap_or_default();
                let port = url.port_or_known_default().unwrap_or_default();
                let its = format!("{host}:{port}").parse::<crate::outbound::Allowed>();
                let outbound = outbound.with(outbound.guard().with(its));
                let outbound = outbound.map_err(|error: CallError| error.to_string())?;
                Some(Arc::new(Service::new(provider, url, settings.api_key.clone(), outbound)?))
            }
        };
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let bytes = Arc::new(AtomicUsize::new(settings.fetch_bytes));
        Ok(Self { outbound: outbound.clone(), bytes, turns, search })
    }

    /// Pages of this size are read from now on.
    pub fn set_bytes(&self, bytes: usize) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}
