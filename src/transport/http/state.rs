//! What every HTTP endpoint shares.

use std::sync::Arc;

use alkhub_core::Engine;
use tokio_util::sync::CancellationToken;

use super::Metrics;
use crate::{
    bus::Bus, config::Live, events::Events, keys::KeyStore, spokes::Spokes, storage::Database,
    transport::ws::Sockets,
};

/// Shared by all endpoints; cheap to clone.
#[derive(Clone)]
pub struct HttpState {
    /// Runs the calls.
    pub engine: Engine,
    /// Verifies keys.
    pub keys: KeyStore,
    /// Connected spokes.
    pub spokes: Spokes,
    /// Which events there are, and who may hear them.
    pub events: Events,
    /// Open connections of the call protocol.
    pub sockets: Sockets,
    /// For the readiness page.
    pub database: Database,
    /// For the readiness page.
    pub bus: Arc<dyn Bus>,
    /// Limits and switches.
    pub config: Live,
    /// Counters.
    pub metrics: Metrics,
    /// Cancelled when the hub begins to stop; streams end then.
    pub stopping: CancellationToken,
}
