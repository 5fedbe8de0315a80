//! Old calls are forgotten, a little at a time.

use std::time::Duration;

use super::Calls;
use crate::storage::calls::{self, Keep};

/// Pause between two steps, in which others may write.
const BETWEEN: Duration = Duration::from_millis(20);

/// Deletes what is not kept any more, again and again.
pub(super) async fn run(calls: Calls) {
    loop {
        let settings = calls.inner.settings.load_full();
        tokio::time::sleep(settings.sweep).await;
        loop {
            let keep = Keep { age: settings.keep_for, rows: settings.keep_count };
            match calls::sweep(&calls.inner.database, keep).await {
                Ok(true) => tokio::time::sleep(BETWEEN).await,
                Ok(false) => break,
                Err(error) => {
                    tracing::debug!(cause = error.cause, "old calls were not deleted yet");
                    break;
                }
            }
        }
    }
}
