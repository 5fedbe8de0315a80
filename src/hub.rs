//! What handlers work with.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    bus::Bus,
    events::Events,
    keys::KeyStore,
    reload::{Others, Reloader},
    search::Index,
    spokes::Spokes,
    storage::Database,
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
    /// Moment of the start in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Search index of the registry's last known generation.
    pub(crate) index: Mutex<Option<Arc<Index>>>,
}
