//! The connection of a service as its operations share it, and what its keeper is told through it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use alkhub_core::CallError;
use parking_lot::RwLock;
use tokio::sync::{Notify, watch};

use super::client::Connection;

/// What the operations of one opening of a service have in common.
pub(super) struct Shared {
    /// Name of the service.
    pub(super) service: String,
    now: RwLock<Result<Arc<Connection>, CallError>>,
    /// Woken when a call met with trouble: the keeper is to look.
    pub(super) trouble: Notify,
    /// Woken when somebody wants the tools to be asked for.
    pub(super) wanted: Notify,
    /// Numbers the attempts to ask for the tools.
    begun: AtomicU64,
    /// The number of the last one that is over, however it ended.
    ended: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(service: String) -> Self {
        let now = RwLock::new(Err(super::failure::silent(&service)));
        let [trouble, wanted] = [const { Notify::const_new() }; 2];
        Self { service, now, trouble, wanted, begun: AtomicU64::new(0), ended: watch::Sender::new(0) }
    }

    /// The connection, or at once why there is none.
    pub(super) fn connection(&self) -> Result<Arc<Connection>, CallError> {
        self.now.read().clone()
    }

    pub(super) fn up(&self, connection: Arc<Connection>) {
        *self.now.write() = Ok(connection);
    }

    /// Calls are refused from now on, with this.
    pub(super) fn down(&self, why: CallError) {
        *self.now.write() = Err(why);
    }

    /// Has the tools asked for, and waits for it.
    pub(super) async fn look(&self) {
        let mut ended = self.ended.subscribe();
        // One that is under way may have asked before what is to be seen was so.
        let next = self.begun.load(Relaxed) + 1;
        self.wanted.notify_one();
        let _ = ended.wait_for(|ended| *ended >= next).await;
    }

    /// The tools are going to be asked for; the number of this attempt.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Relaxed) + 1
    }

    /// That attempt is over.
    pub(super) fn end(&self, attempt: u64) {
        self.ended.send_modify(|ended| *ended = attempt.max(*ended));
    }
}
