//! What handlers work with.

use std::sync::{Arc, OnceLock};

use alkhub_core::flow::Graph;
use parking_lot::RwLock;

use crate::{
    bus::Bus,
    calls::Calls,
    events::Events,
    imports::{Imports, mcp::Mcp},
    keys::KeyStore,
    llm::Llm,
    outbound::Outbound,
    reload::{Others, Reloader},
    search::Index,
    spokes::Spokes,
    storage::Database,
    vault::Vault,
    web::Web,
};

/// The hub's own state; handlers are implemented on it.
pub struct Hub {
    /// Everything that outlives the process.
    pub database: Database,
    /// Keys, with their cache.
    pub keys: KeyStore,
    /// Connected spokes.
    pub spokes: Spokes,
    /// What all processes hear.
    pub bus: Arc<dyn Bus>,
    /// Id of this process among those that share the database.
    pub node_id: String,
    /// The log of events and its readers.
    pub events: Events,
    /// Reads the configuration again.
    pub reloader: Reloader,
    /// The other processes, which are to do so too.
    pub others: Others,
    /// Imported services.
    pub imports: Imports,
    /// Connections to MCP servers.
    pub mcp: Mcp,
    /// Pages and searches.
    pub web: Web,
    /// The way to other servers.
    pub outbound: Outbound,
    /// The proxy to language models.
    pub llm: Llm,
    /// The call graph.
    pub calls: Calls,
    /// Seals secrets of others that the hub keeps.
    pub vault: Vault,
    /// Moment of the start in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Search index, made at the first search.
    pub(crate) index: OnceLock<Arc<Index>>,
    /// The operation graph, made when first asked for.
    pub(crate) graph: Arc<RwLock<Graph>>,
}

/// The parts that a hub is made of, beside what it makes itself.
pub struct Parts {
    /// Everything that outlives the process.
    pub database: Database,
    /// Keys, with their cache.
    pub keys: KeyStore,
    /// Connected spokes.
    pub spokes: Spokes,
    /// The log of events and its readers.
    pub events: Events,
    /// What all processes hear.
    pub bus: Arc<dyn Bus>,
    /// Imported services.
    pub imports: Imports,
    /// Connections to MCP servers.
    pub mcp: Mcp,
    /// Pages and searches.
    pub web: Web,
    /// The way to other servers.
    pub outbound: Outbound,
    /// The proxy to language models.
    pub llm: Llm,
    /// The call graph.
    pub calls: Calls,
    /// Seals secrets.
    pub vault: Vault,
    /// Id of this process.
    pub node_id: String,
    /// Reads the configuration again.
    pub reloader: Reloader,
    /// The other processes.
    pub others: Others,
}

impl Hub {
    /// A hub of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            database,
            keys,
            spokes,
            events,
            bus,
            imports,
            mcp,
            web,
            outbound,
            llm,
            calls,
            vault,
            node_id,
            reloader,
            others,
        } = parts;
        let started_ms = alkhub_core::call::now_ms();
        Self {
            database,
            keys,
            spokes,
            bus,
            node_id,
            events,
            imports,
            mcp,
            web,
            outbound,
            llm,
            calls,
            vault,
            reloader,
            others,
            started_ms,
            index: OnceLock::new(),
            graph: Arc::default(),
        }
    }
}
