//! What handlers work with.

use std::sync::{Arc, OnceLock};

use crate::{bus::Bus, events::Events, keys::KeyStore, search::Index, spokes::Spokes, storage::Database};

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
    /// Moment of the start in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Search index, made at the first search.
    pub(crate) index: OnceLock<Arc<Index>>,
}

impl Hub {
    /// A hub over this database.
    #[must_use]
    pub fn new(
        database: Database,
        keys: KeyStore,
        spokes: Spokes,
        events: Events,
        bus: Arc<dyn Bus>,
        node_id: String,
    ) -> Self {
        let started_ms = alkhub_core::call::now_ms();
        Self { database, keys, spokes, events, bus, node_id, started_ms, index: OnceLock::new() }
    }
}
