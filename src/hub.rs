//! What handlers work with.

use parking_lot::Mutex;

use crate::{events::Events, keys::KeyStore, search::Index, spokes::Spokes, storage::Database};

/// The hub's own state; handlers are implemented on it.
pub struct Hub {
    /// Everything that outlives the process.
    pub database: Database,
    /// Keys, with their cache.
    pub keys: KeyStore,
    /// Connected spokes.
    pub spokes: Spokes,
    /// The log of events and its readers.
    pub events: Events,
    /// Moment of the start in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Search index of the registry's last known generation.
    pub(crate) index: Mutex<Option<std::sync::Arc<Index>>>,
}

impl Hub {
    /// A hub over this database.
    #[must_use]
    pub fn new(database: Database, keys: KeyStore, spokes: Spokes, events: Events) -> Self {
        Self {
            database,
            keys,
            spokes,
            events,
            started_ms: alkhub_core::call::now_ms(),
            index: Mutex::new(None),
        }
    }
}
