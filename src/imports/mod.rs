//! Imported services: their operations are called like the hub's own, under `<name of the service>.<operation>`.
//!
//! The table says which services there are. Every process follows it, and opens each service by the [`Connector`] of its
//! kind, which offers operations through the [`Link`] that it is given for as long as the service stays as it is.

pub mod directory;
mod follow;
mod link;
mod live;
pub mod mcp;
pub mod openapi;

use std::{collections::HashMap, sync::Arc, time::Duration};

use alkhub_core::engine::handler::ErasedHandler;
use alkhub_core::{Call, CallError, Engine, Kind, registry::Registered};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use zeroize::Zeroizing;

use crate::{bus::Bus, storage::Database, vault::Vault};

pub use link::Link;
pub use live::{Phase, Status};

use self::live::Live;

/// Scope to see which services there are.
pub const READ_SCOPE: &str = "service:read";
/// Scope to add, change and remove them.
pub const WRITE_SCOPE: &str = "service:write";

/// A service that is to be opened.
pub struct Service {
    /// Its name, and the namespace of its operations.
    pub name: String,
    /// As the operations of its kind have stored it.
    pub config: serde_json::Value,
    /// Opened, in the form of its kind.
    pub credentials: Option<Zeroizing<Vec<u8>>>,
    /// What describes its operations, where it is kept.
    pub document: Option<String>,
    /// What was noted of it.
    pub state: Option<serde_json::Value>,
    /// Of the stored service.
    pub revision: i64,
}

/// An operation that a service offers. Its namespace must be the service's name.
pub struct Offered {
    /// What it is.
    pub operation: Arc<Registered>,
    /// What serves it.
    pub handler: Arc<dyn ErasedHandler>,
}

/// Opens services of one kind.
pub trait Connector: Send + Sync + 'static {
    /// The kind's word in the table.
    fn kind(&self) -> &'static str;

    /// Opens a service and stays with it: offers its operations, and again whenever they change. The future is dropped
    /// when the service is changed or removed, or the hub stops; what it offered stays until the service is opened anew
    /// and offers, or ends without having offered.
    fn run(&self, service: Service, link: Link) -> BoxFuture<'static, Result<(), CallError>>;

    /// The service is removed. Whoever still holds an operation of it must not keep open what it was reached by.
    fn closed(&self, name: &str) {
        let _ = name;
    }

    /// Somebody wants this service to be looked at anew, or all that are open where it is `None`. Not waited for.
    fn look(&self, name: Option<&str>) {
        let _ = name;
    }
}

/// All imported services, as this process has opened them. Cheap to clone.
#[derive(Clone)]
pub struct Imports {
    inner: Arc<Inner>,
}

struct Inner {
    live: Mutex<HashMap<String, Arc<Live>>>,
    /// Up to which revision of the table everything has been looked at.
    seen: watch::Sender<i64>,
    /// Woken to look at the table.
    wake: tokio::sync::Notify,
}

impl Default for Imports {
    fn default() -> Self {
        let inner =
            Inner { live: Mutex::default(), seen: watch::Sender::new(0), wake: tokio::sync::Notify::new() };
        Self { inner: Arc::new(inner) }
    }
}

impl Imports {
    /// Follows the table until `stop` is cancelled.
    #[allow(clippy::too_many_arguments, reason = "what a process works with, each once")]
    pub async fn start(
        &self,
        connectors: Vec<Arc<dyn Connector>>,
        database: &Database,
        vault: &Vault,
        bus: &Arc<dyn Bus>,
        engine: &Engine,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let context = follow::Context {
            imports: self.clone(),
            connectors: connectors.into_iter().map(|one| (one.kind(), one)).collect(),
            database: database.clone(),
            vault: vault.clone(),
            bus: bus.clone(),
            engine: engine.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        follow::start(context).await;
    }

    /// What has become of a service here; `None` where this process does not know it.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<Status> {
        self.inner.live.lock().get(name).map(|live| live.status())
    }

    /// Whether a service has this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.inner.live.lock().contains_key(name)
    }

    /// Has all other processes look anew at what a service offers. They hear it by the bus; one that has missed something
    /// there looks at all its services.
    pub async fn look(&self, bus: &Arc<dyn Bus>, name: &str) {
        follow::tell(bus, Some(name)).await;
    }

    /// The table was changed by this process: it is looked at, and told to others. Waits until what was stored under
    /// `revision` is opened here and has said what it offers, or for so long.
    pub async fn settle(&self, name: &str, revision: i64, patience: Duration) -> Option<Status> {
        let mut seen = self.inner.seen.subscribe();
        self.inner.wake.notify_one();
        let settled = async {
            if seen.wait_for(|seen| *seen >= revision).await.is_err() {
                return;
            }
            let live = self.inner.live.lock().get(name).cloned();
            if let Some(live) = live {
                live.settled().await;
            }
        };
        let _ = tokio::time::timeout(patience, settled).await;
        self.status(name)
    }
}

/// Refuses an idempotency key for an operation that has no use for it: whoever gives one counts on it that a repetition
/// has no effect of its own, and the hub cannot make that true of what another server does.
///
/// # Errors
/// BAD_REQUEST.
fn refuse_key(call: &Call) -> Result<(), CallError> {
    if call.idempotency_key().is_none() || call.kind() != Kind::Mutation || call.is_repeatable() {
        return Ok(());
    }
    Err(CallError::bad_request(format!(
        "{} is an imported operation that takes no idempotency key: repeated, it would have its effect again. Call it without one.",
        call.operation_id()
    )))
}
