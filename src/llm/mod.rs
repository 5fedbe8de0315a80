//! The LLM proxy: requests of callers to the providers of models, by keys that stay here.
//!
//! A request is a call of `llm.chat` and the like. [`Llm::run`] finds out whom to ask, reserves what it may cost, asks one
//! provider after the other, and passes the answer on; [`meter::Meter`] settles what was used, however the call ends.

mod cache;
mod capture;
mod catalog;
pub mod dialect;
mod exchange;
mod failure;
mod follow;
mod handler;
mod journal;
mod ledger;
mod limits;
mod meter;
mod price;
mod provider;
mod relay;
mod run;
mod signs;
mod upstream;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alkhub_core::CallError;
use parking_lot::RwLock;
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bus::{Buckets, Bus},
    outbound::Outbound,
    storage::{Database, llm::captures},
    vault::Vault,
};

pub use catalog::{Policy, Target};
pub use exchange::{Exchange, Told};
pub use failure::fault_of;
pub use handler::{OPERATIONS, serve_raw};
pub use price::Price;
pub use provider::Config as ProviderConfig;
pub use upstream::Probe;

use self::{
    cache::Cache, capture::Captures, catalog::Catalog, ledger::Ledger, limits::Limits, price::Prices,
    signs::Signs,
};

/// Billionths of a US dollar in one.
const NANOS: f64 = 1e9;

/// US dollars of an amount as it is stored.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "shown, never counted with")]
pub fn usd(nanos: i64) -> f64 {
    nanos as f64 / NANOS
}

/// The amount of US dollars as it is stored.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "a cast of a float ends at the type's bounds")]
pub fn nanos(usd: f64) -> i64 {
    (usd * NANOS).round() as i64
}

/// Bounds and habits of the proxy.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Largest request.
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
    /// A file of prices, before those that ship with the hub.
    pub prices: Option<PathBuf>,
    /// Memory for answers that are given again.
    pub cache_bytes: usize,
    /// How long prompts and answers are kept of keys that have them recorded.
    pub capture_keep: Duration,
    /// How long lines of usage are kept; zero is for ever.
    pub usage_keep: Duration,
}

/// The proxy of this process. Cheap to clone.
#[derive(Clone)]
pub struct Llm {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    database: Database,
    outbound: Outbound,
    catalog: RwLock<Arc<Catalog>>,
    prices: Prices,
    ledger: Ledger,
    limits: Limits,
    captures: Captures,
    cache: Cache,
    signs: Signs,
    tasks: TaskTracker,
    /// Up to which revision everything is in the catalog.
    seen: watch::Sender<i64>,
    wake: Notify,
}

/// What a process works with.
pub struct Parts<'a> {
    /// The folder of this process's own files.
    pub data: &'a Path,
    /// Everything that outlives the process.
    pub database: &'a Database,
    /// Opens providers' keys.
    pub vault: &'a Vault,
    /// The way to other servers.
    pub outbound: &'a Outbound,
    /// Buckets that processes share, where there are any.
    pub buckets: Option<Arc<dyn Buckets>>,
    /// What all processes hear.
    pub bus: &'a Arc<dyn Bus>,
    /// Where background work is tracked.
    pub tasks: &'a TaskTracker,
    /// Cancelled when all calls have ended.
    pub quiet: &'a CancellationToken,
}

impl Llm {
    /// A proxy that follows the tables until `quiet` is cancelled, and settles until then what was used.
    ///
    /// # Errors
    /// What is wrong with the file of prices, or keeps a client from being made.
    pub async fn start(settings: Settings, parts: Parts<'_>) -> Result<Self, String> {
        // On its embedded database the hub is one person's own, and so is what runs beside it.
        let outbound = match parts.database.system() {
            "sqlite" => parts.outbound.with_loopback().map_err(|error| error.to_string())?,
            _ => parts.outbound.clone(),
        };
        let silence = settings.timeout.max(settings.idle_timeout);
        let outbound = outbound.with_silence(silence).map_err(|error| error.to_string())?;
        let inner = Inner {
            prices: Prices::load(settings.prices.as_deref())?,
            database: parts.database.clone(),
            outbound,
            catalog: RwLock::default(),
            ledger: Ledger::start(parts.database, parts.data.join("llm"), parts.tasks, parts.quiet)
                .map_err(|error| format!("the journal of requests to models: {error}"))?,
            limits: Limits::new(parts.buckets.clone()),
            captures: Captures::new(parts.vault),
            cache: Cache::new(settings.cache_bytes),
            signs: Signs::new().map_err(|error| error.to_string())?,
            tasks: parts.tasks.clone(),
            seen: watch::Sender::new(-1),
            wake: Notify::new(),
            settings,
        };
        let llm = Self { inner: Arc::new(inner) };
        follow::start(&llm, parts.vault.clone(), parts.bus.clone(), parts.tasks, parts.quiet).await;
        Ok(llm)
    }

    /// Counters for `/metrics`.
    #[must_use]
    pub fn collectors(&self) -> Vec<Box<dyn prometheus::core::Collector>> {
        self.inner.signs.collectors()
    }

    /// Largest request.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.inner.settings.body_bytes
    }

    fn catalog(&self) -> Arc<Catalog> {
        self.inner.catalog.read().clone()
    }

    /// The tables were changed by this process: they are read, and others told. Waits until this process goes by them.
    ///
    /// # Errors
    /// UNAVAILABLE where that does not happen soon; it will later.
    pub async fn settle(&self, revision: i64) -> Result<(), CallError> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let mut seen = self.inner.seen.subscribe();
        self.inner.wake.notify_one();
        let settled = seen.wait_for(|seen| *seen >= revision);
        match tokio::time::timeout(PATIENCE, settled).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(CallError::unavailable("database")),
        }
    }

    /// The prompt and the answer that were kept of a request; `None` where they were not, or not any more.
    ///
    /// # Errors
    /// NO_MASTER_KEY, UNAVAILABLE or EXECUTION_ERROR.
    pub async fn capture(&self, request: &str) -> Result<Option<captures::Capture>, CallError> {
        match captures::get(&self.inner.database, request).await? {
            Some(capture) => Box::pin(self.inner.captures.open(capture)).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether there is such a provider.
    #[must_use]
    pub fn has_provider(&self, name: &str) -> bool {
        self.catalog().providers.contains_key(name)
    }

    /// Names that a key may ask for: each with its targets, where it stands for others.
    #[must_use]
    pub fn models(&self, key_id: Option<&str>) -> Vec<(String, Option<Vec<Target>>)> {
        self.catalog().models(key_id)
    }

    /// Judges where a provider is said to be.
    ///
    /// # Errors
    /// VALIDATION_ERROR or OUTBOUND_REFUSED.
    pub fn check_url(&self, url: &str) -> Result<(), CallError> {
        let url = reqwest::Url::parse(url).map_err(|_| CallError::fault("/baseUrl", "must be a URL"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(CallError::fault("/baseUrl", "must have no query and no fragment"));
        }
        self.inner.outbound.guard().check(&url)
    }
}
