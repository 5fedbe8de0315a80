//! MCP servers as imported services: their tools are operations here.
//!
//! One connection a server and process, kept open; `keep` watches over it, `call` serves the operations by it. What a
//! server offers is compared with what was approved, which the table has (`offer`).

mod call;
mod child;
mod client;
mod config;
mod connect;
mod failure;
mod given;
mod keep;
mod offer;
mod shared;
mod show;

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use alkhub_core::{CallError, import::mcp::Tool, registry::SpecLimits};
use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use config::{Config, Credentials, Program, Stdio};
pub use given::{Given, document};
pub use offer::{Named, Rejected, State, approved, changed};
pub use show::{server as show, stored};

use self::shared::Shared;
use super::{Connector, Link, Service};
use crate::{outbound::Outbound, storage::Database};

/// The kind's word in the table.
pub const KIND: &str = "mcp";

/// What connections to MCP servers are made with.
#[derive(Clone)]
pub struct Mcp {
    inner: Arc<Inner>,
}

struct Inner {
    outbound: Outbound,
    stdio: ArcSwap<Stdio>,
    specs: SpecLimits,
    database: Database,
    tasks: TaskTracker,
    /// Ends all connections.
    quiet: CancellationToken,
    /// Those that are open, by the service's name.
    open: Mutex<HashMap<String, Weak<Shared>>>,
}

/// What a server says of itself when it is asked for the first time.
pub struct Probe {
    /// Its tools.
    pub tools: Vec<Tool>,
    /// Its name and version, as it says.
    pub server: String,
    /// The revision of the protocol that it speaks with the hub.
    pub protocol: String,
    /// From the beginning until its tools were known.
    pub took: Duration,
}

impl Mcp {
    /// With this way out, and these programs that may be started. Connections end with `quiet`.
    #[must_use]
    pub fn new(
        outbound: Outbound,
        stdio: Stdio,
        specs: SpecLimits,
        database: Database,
        tasks: TaskTracker,
        quiet: CancellationToken,
    ) -> Self {
        let (stdio, open) = (ArcSwap::from_pointee(stdio), Mutex::default());
        Self { inner: Arc::new(Inner { outbound, stdio, specs, database, tasks, quiet, open }) }
    }

    /// These programs may be started from now on; one that runs goes on until its connection ends.
    pub fn set_stdio(&self, stdio: Stdio) {
        self.inner.stdio.store(Arc::new(stdio));
    }

    /// Connects, asks for the tools, and leaves again.
    ///
    /// # Errors
    /// Why the server cannot be used: OUTBOUND_REFUSED, UNAVAILABLE, EXECUTION_ERROR; VALIDATION_ERROR for a program
    /// that may not be started.
    pub async fn probe(
        &self,
        name: &str,
        config: &Config,
        credentials: &Credentials,
    ) -> Result<Probe, CallError> {
        let begun = Instant::now();
        let (connection, tools) = self.connect(name, config, credentials).await?;
        Ok(Probe {
            tools,
            server: connection.server.clone(),
            protocol: connection.protocol.clone(),
            took: begun.elapsed(),
        })
    }

    /// Has this process ask a server for its tools now, and waits until that is done.
    pub async fn refresh(&self, name: &str) {
        let shared = self.inner.open.lock().get(name).and_then(Weak::upgrade);
        if let Some(shared) = shared {
            shared.look().await;
        }
    }

    /// The operations that tools would be: tool, operation, description; and what cannot be one, with the reason.
    ///
    /// # Errors
    /// EXECUTION_ERROR.
    pub async fn operations(
        &self,
        name: &str,
        config: &Config,
        tools: &[Tool],
    ) -> Result<(Vec<Named>, Rejected), CallError> {
        let shared = Arc::new(Shared::new(name.to_owned()));
        let making = offer::Making { shared, config: config.clone(), limits: self.inner.specs };
        let tools = tools.to_vec();
        let made = tokio::task::spawn_blocking(move || making.named(&tools)).await;
        made.map_err(|error| CallError::internal(&error))
    }

    /// What a service's server is at this moment here: its name with version, and the protocol's revision.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<(String, String)> {
        let shared = self.inner.open.lock().get(name).and_then(Weak::upgrade)?;
        let connection = shared.connection().ok()?;
        Some((connection.server.clone(), connection.protocol.clone()))
    }
}

impl Connector for Mcp {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn run(&self, service: Service, link: Link) -> BoxFuture<'static, Result<(), CallError>> {
        let mcp = self.clone();
        Box::pin(async move { mcp.keep(service, link).await })
    }

    fn closed(&self, name: &str) {
        let shared = self.inner.open.lock().remove(name).and_then(|shared| shared.upgrade());
        if let Some(shared) = shared {
            shared.down(failure::ended(name));
        }
    }

    fn look(&self, name: Option<&str>) {
        let open = self.inner.open.lock();
        let wanted = open.iter().filter(|(held, _)| name.is_none_or(|name| name == held.as_str()));
        wanted.filter_map(|(_, shared)| shared.upgrade()).for_each(|shared| shared.wanted.notify_one());
    }
}
