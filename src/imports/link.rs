//! What a connector says of the service that it keeps open.

use std::sync::{Arc, Weak};

use alkhub_core::Engine;
use alkhub_core::{CallError, Registry, registry::Entry};
use tokio_util::sync::CancellationToken;

use super::{Offered, Phase, live::Live};

/// Most operations of one service.
pub(super) const MOST: usize = 20_000;

/// By this a connector offers operations and tells how the service does. Cheap to clone; without effect once the service
/// was opened anew.
#[derive(Clone)]
pub struct Link {
    pub(super) name: Arc<str>,
    pub(super) live: Weak<Live>,
    pub(super) engine: Engine,
}

impl Link {
    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Cancelled when this opening of the service is over.
    #[must_use]
    pub fn closed(&self) -> CancellationToken {
        self.live.upgrade().map_or_else(
            || {
                let over = CancellationToken::new();
                over.cancel();
                over
            },
            |live| live.stop.clone(),
        )
    }

    /// Offers these operations in place of those before, as one change. Those that cannot be taken are in the status
    /// with the reason; their namespace must be the service's name, and each name may come once.
    pub fn offer(&self, offered: Vec<Offered>, rejected: Vec<(String, String)>) {
        let Some(live) = self.live.upgrade() else { return };
        let mut rejected = rejected;
        let mut entries = Vec::with_capacity(offered.len());
        let mut ids = std::collections::BTreeSet::new();
        for Offered { operation, handler } in offered {
            let id = operation.plain_id();
            let fault = if operation.namespace != *self.name {
                Some("its namespace is not the name of the service")
            } else if ids.len() == MOST {
                Some("the service offers too many operations")
            } else if ids.contains(&id) {
                Some("another operation of the service has the same name")
            } else {
                None
            };
            if let Some(fault) = fault {
                rejected.push((operation.name.clone(), fault.to_owned()));
                continue;
            }
            entries.push(Entry::registered(&id, operation, None, handler));
            ids.insert(id);
        }
        let count = entries.len();
        {
            let mut held = live.ids.lock();
            // Under the lock: an opening that was replaced meanwhile must not put anything back.
            if live.stop.is_cancelled() {
                return;
            }
            self.registry().exchange(&held, entries);
            *held = ids.into_iter().collect();
        }
        live.set(|status| {
            status.operations = count;
            status.rejected = rejected;
            (status.phase, status.reason) = (Phase::Ready, None);
        });
    }

    /// The service can be reached again; its operations are as they were.
    pub fn ready(&self) {
        self.set(Phase::Ready, None);
    }

    /// The service cannot be reached at the moment. Its operations stay, and are to answer UNAVAILABLE at once.
    pub fn unavailable(&self, why: &CallError) {
        self.set(Phase::Unavailable, Some(why.message.clone()));
    }

    pub(super) fn failed(&self, why: &CallError) {
        self.set(Phase::Failed, Some(why.message.clone()));
    }

    fn set(&self, phase: Phase, reason: Option<String>) {
        if let Some(live) = self.live.upgrade() {
            live.set(|status| (status.phase, status.reason) = (phase, reason));
        }
    }

    fn registry(&self) -> &Registry {
        self.engine.registry()
    }
}
