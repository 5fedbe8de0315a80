//! Old calls are forgotten, a little at a time.

use std::time::Duration;

use alkhub_core::CallError;

use super::Calls;
use crate::storage::calls::{self, Keep};

/// Pause between two steps, in which others may write.
const BETWEEN: Duration = Duration::from_millis(20);

/// Deletes what is not kept any more, again and again.
pub(super) async fn run(calls: Calls) {
    loop {
        let settings = calls.inner.settings.load_full();
        tokio::time::sleep(settings.sweep).await;
        let keep = Keep { age: settings.keep_for, rows: settings.keep_count };
        let deleting = async {
            let before = calls::bound(&calls.inner.database, keep).await?;
            while calls::sweep(&calls.inner.database, &before).await? {
                tokio::time::sleep(BETWEEN).await;
            }
            Ok::<_, CallError>(())
        };
        if let Err(error) = deleting.await {
            tracing::debug!(cause = error.cause, "old calls were not deleted yet");
        }
    }
}
