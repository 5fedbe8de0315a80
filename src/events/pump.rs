//! The relay and the tail: numbers what is committed, and gives what is numbered to this process's readers.

use std::time::{Duration, Instant};

use alkhub_core::CallError;
use tokio::time::timeout;

use super::{Events, Told};
use crate::storage::{
    events::{self, Filter},
    outbox,
};

/// Most events that are numbered in one transaction, and that are read at once.
const BATCH: u32 = 1000;
/// Shortest and longest pause after numbering: the first event after a silence is numbered at once, and a crowd of them
/// together, because numbering is a transaction that writers have to wait for.
const BREATH: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));
/// In between the pause is so many times as long as numbering took, so that it has a fifth of the disk at the most.
const SHARE: u32 = 4;
/// Longest pause after failures in a row.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Events {
    /// Works whenever it is woken, and now and then by itself.
    pub(super) async fn pump(self) {
        let (inner, poll) = (&self.inner, self.inner.settings.load().poll);
        let mut pause = poll;
        loop {
            let begun = Instant::now();
            match self.turn().await {
                Ok(numbered) => {
                    pause = poll;
                    if numbered > 0 {
                        tokio::time::sleep((begun.elapsed() * SHARE).clamp(BREATH.0, BREATH.1)).await;
                    }
                }
                Err(error) => {
                    inner.signs.failures.inc();
                    if pause == poll {
                        let cause = error.cause.as_deref().unwrap_or_default();
                        tracing::warn!(%error, cause, "events cannot be relayed at the moment; they wait");
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE.max(poll));
                    // Being woken makes no difference to what has just failed.
                    tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                    continue;
                }
            }
            // Running out of time is the other reason to look.
            let _ = timeout(poll, inner.database.appended().notified()).await;
        }
    }

    /// How many it has numbered.
    pub(super) async fn turn(&self) -> Result<u64, CallError> {
        let inner = &self.inner;
        let mut all = 0;
        let waiting = outbox::waiting(&inner.database).await?;
        self.show(waiting);
        if waiting.events > 0 {
            loop {
                let given = outbox::number(&inner.database, BATCH).await?;
                inner.given.lock().add(given);
                let numbered = given.count;
                inner.signs.sequenced.inc_by(numbered);
                all += numbered;
                // Readers get each batch at once.
                self.tail(numbered > 0).await?;
                if numbered < u64::from(BATCH) {
                    break;
                }
            }
            self.show(outbox::Waiting::default());
        }
        self.tail(false).await?;
        Ok(all)
    }

    /// Gives what is newly numbered to the readers, in order and once.
    async fn tail(&self, relayed: bool) -> Result<(), CallError> {
        let inner = &self.inner;
        let head = events::bounds(&inner.database).await?.head;
        if relayed {
            inner.relayed.send_replace(head);
        }
        let mut last = *inner.tail.borrow();
        while last < head {
            let batch =
                events::between(&inner.database, &Filter::everything(), last, head, u64::from(BATCH)).await?;
            // Where retention was faster there is nothing left to give; a reader notices the gap.
            last = batch.last().map_or(head, |event| event.sequence);
            // Before the ring: who listens to the ring and then reads this number hears of all that comes after it.
            inner.tail.send_replace(last);
            inner.signs.lag.advance(last);
            for event in batch {
                // Nobody reads just now: fine.
                let _ = inner.ring.send(Told::new(event));
            }
        }
        inner.signs.sequence.set(last);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a lag of millions of years may be inexact")]
    fn show(&self, waiting: outbox::Waiting) {
        self.inner.signs.backlog.set(waiting.events);
        self.inner.signs.relay_lag.set(waiting.oldest_ms as f64 / 1000.0);
    }
}
