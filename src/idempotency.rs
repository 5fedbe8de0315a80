//! Answers by idempotency key, kept in the database, and forgotten after a while.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use alkhub_core::{
    CallError,
    once::{Answers, Claim, Kept, Ticket},
};
use async_trait::async_trait;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config,
    storage::{
        Database,
        idempotency::{self as stored, Terms},
    },
};

/// Longest time between two sweeps.
const SWEEP: Duration = Duration::from_secs(60);
/// Rows of one step of a sweep, short enough to let other writers in between.
const STEP: u64 = 500;

/// Keeps answers. Cheap to clone.
#[derive(Clone)]
pub struct KeptAnswers {
    database: Database,
    /// Milliseconds.
    keep: Arc<AtomicI64>,
    lease: Duration,
    sweep: Duration,
}

impl KeptAnswers {
    /// Answers in this database, which are swept in one of these tasks until `stop` is cancelled.
    #[must_use]
    pub fn start(
        database: Database,
        settings: &config::Idempotency,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let kept = Self {
            database,
            keep: Arc::new(AtomicI64::new(millis(settings.keep))),
            lease: settings.lease,
            sweep: settings.keep.min(SWEEP),
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(kept.clone().keep_clean()));
        kept
    }

    /// Another time for answers to be kept, from now on; those that are kept already stay for as long as they had.
    pub fn set_keep(&self, keep: Duration) {
        self.keep.store(millis(keep), Ordering::Relaxed);
    }

    fn terms(&self) -> Terms {
        Terms { keep: self.keep.load(Ordering::Relaxed), lease: millis(self.lease) }
    }

    async fn keep_clean(self) {
        loop {
            tokio::time::sleep(self.sweep).await;
            loop {
                match stored::sweep(&self.database, STEP).await {
                    Ok(STEP..) => tokio::task::yield_now().await,
                    Ok(_) => break,
                    Err(error) => {
                        tracing::debug!(%error, "old idempotency keys were not deleted yet");
                        break;
                    }
                }
            }
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[async_trait]
impl Answers for KeptAnswers {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, CallError> {
        stored::claim(&self.database, ticket, self.terms()).await
    }

    async fn renew(&self, ticket: &Ticket) -> Result<(), CallError> {
        stored::renew(&self.database, ticket, self.terms()).await
    }

    async fn finish(&self, ticket: &Ticket, answer: &Kept) -> Result<(), CallError> {
        stored::finish(&self.database, ticket, answer, self.terms()).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), CallError> {
        stored::release(&self.database, ticket).await
    }

    fn lease(&self) -> Duration {
        self.lease
    }
}
