//! Deleting what is too old, now and then.

use std::time::Duration;

use super::Events;
use crate::storage::retention::{self, STEP};

/// Pause between two steps, for others to write in.
const PAUSE: Duration = Duration::from_millis(20);

impl Events {
    pub(super) async fn keep(self) {
        let inner = &self.inner;
        loop {
            match retention::shorten(&inner.database, inner.settings.keep).await {
                Ok(deleted) => {
                    inner.signs.deleted.inc_by(deleted);
                    let pause = if deleted >= STEP { PAUSE } else { inner.settings.sweep };
                    tokio::time::sleep(pause).await;
                }
                Err(error) => {
                    tracing::debug!(%error, "old events were not deleted yet");
                    tokio::time::sleep(inner.settings.sweep).await;
                }
            }
        }
    }
}
