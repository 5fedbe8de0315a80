//! A service as this process has it open.

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How far a service is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It is being opened.
    #[default]
    Opening,
    /// Its operations can be called.
    Ready,
    /// It cannot be reached at the moment; it is tried again.
    Unavailable,
    /// It cannot be opened as it is stored.
    Failed,
}

/// What has become of a service in this process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// How far it is.
    pub phase: Phase,
    /// Why it is not ready, for people.
    pub reason: Option<String>,
    /// Operations that it offers.
    pub operations: usize,
    /// What it offered that was not taken: name and reason.
    pub rejected: Vec<(String, String)>,
    /// Since when, in milliseconds since the Unix epoch.
    pub since: u64,
    /// Revision of the stored service that this is of.
    pub revision: i64,
}

/// One opening of a service.
pub(super) struct Live {
    pub(super) revision: i64,
    /// Ends what keeps it open.
    pub(super) stop: CancellationToken,
    status: watch::Sender<Status>,
    /// Ids in the registry that are its own.
    pub(super) ids: Mutex<Vec<String>>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Live {
    pub(super) fn new(revision: i64, ids: Vec<String>, stop: CancellationToken) -> Self {
        let status = Status {
            operations: ids.len(),
            since: alkhub_core::call::now_ms(),
            revision,
            ..Status::default()
        };
        Self { revision, stop, status: watch::Sender::new(status), ids: Mutex::new(ids) }
    }

    pub(super) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_modify(|status| {
            let before = status.phase;
            change(status);
            if status.phase != before {
                status.since = alkhub_core::call::now_ms();
            }
        });
    }

    /// Waits until it is known what has become of it.
    pub(super) async fn settled(&self) {
        let mut status = self.status.subscribe();
        let _ = status.wait_for(|status| status.phase != Phase::Opening).await;
    }
}
