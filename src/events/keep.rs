//! Deleting what is too old, now and then.

use std::time::Duration;

use super::{Events, Settings};
use crate::storage::retention::{self, STEP};

/// Pause between two steps, for others to write in.
const PAUSE: Duration = Duration::from_millis(20);

impl Events {
    pub(super) async fn keep(self) {
        let inner = &self.inner;
        loop {
            let Settings { keep, sweep, .. } = *inner.settings.load_full();
            match retention::shorten(&inner.database, keep).await {
                Ok(deleted) => {
                    inner.signs.deleted.inc_by(deleted);
                    let pause = if deleted >= STEP { PAUSE } else { sweep };
                    tokio::time::sleep(pause).await;
                }
                Err(error) => {
                    tracing::debug!(%error, "old events were not deleted yet");
                    tokio::time::sleep(sweep).await;
                }
            }
        }
    }
}
