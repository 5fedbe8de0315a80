//! A tree of calls as it grows. What is told comes from the database, which all processes write to; what this process
//! writes is looked for at once, what others write within half a second.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use alkhub_core::CallError;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::Calls;
use crate::storage::calls::{self, Row, Status};

/// Longest pause between two looks.
const POLL: Duration = Duration::from_millis(500);
/// Shortest pause; and a look may take a tenth of the time.
const SHORTEST: Duration = Duration::from_millis(50);
/// Rows are found for so long after the moment that they carry: clocks differ, and transactions take their time.
const SLACK: i64 = 3000;
/// Rows of one look.
const PAGE: u64 = 1000;
/// Calls of which is known what was told; the stream ends with an error beyond.
const MOST: usize = 100_000;

/// What is new.
pub struct Change {
    /// The call as it is now.
    pub row: Row,
    /// It was not told of before.
    pub added: bool,
    /// Where a reader goes on from after it.
    pub cursor: i64,
}

/// A reader of one tree.
pub struct Watch {
    calls: Calls,
    top: Row,
    /// What was told of each call.
    told: HashMap<Vec<u8>, Status>,
    waiting: VecDeque<Change>,
    since: i64,
    /// What was written before it was told before an interruption.
    floor: i64,
    written: watch::Receiver<u64>,
    /// Looks since which nothing runs any more.
    quiet: u8,
    begun: bool,
    took: Duration,
}

impl Calls {
    /// Watches a call and those below it, from a cursor on.
    #[must_use]
    pub fn watch(&self, top: Row, since: Option<i64>) -> Watch {
        Watch {
            calls: self.clone(),
            top,
            told: HashMap::new(),
            waiting: VecDeque::new(),
            since: since.unwrap_or(0),
            floor: since.map_or(i64::MIN, |since| since.saturating_sub(SLACK)),
            written: self.written(),
            quiet: 0,
            begun: false,
            took: Duration::ZERO,
        }
    }
}

impl Watch {
    /// The next change; `None` once nothing runs any more.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR.
    pub async fn next(&mut self) -> Result<Option<Change>, CallError> {
        loop {
            if let Some(change) = self.waiting.pop_front() {
                return Ok(Some(change));
            }
            // The first look may have come before what it has led to was written.
            if self.quiet >= 2 {
                return Ok(None);
            }
            if self.begun {
                sleep(SHORTEST.max(self.took * 10).min(POLL)).await;
                let _either = timeout(POLL, self.written.changed()).await;
            }
            let begun = Instant::now();
            self.look().await?;
            self.took = begun.elapsed();
        }
    }

    async fn look(&mut self) -> Result<(), CallError> {
        // At first all of it: what belongs to what is known by what is above it.
        let from = if self.begun { self.since.saturating_sub(SLACK) } else { 0 };
        self.begun = true;
        let mut rows = Vec::new();
        loop {
            let page =
                calls::changed(&self.calls.inner.database, &self.top.root_id, from, rows.len() as u64, PAGE);
            let page = page.await?;
            let more = page.len() as u64 >= PAGE;
            rows.extend(page);
            if !more || rows.len() > MOST {
                break;
            }
        }
        rows.sort_by(|one, other| (one.depth, &one.id).cmp(&(other.depth, &other.id)));
        for row in rows {
            self.take(row);
        }
        if self.told.len() > MOST {
            return Err(CallError::unavailable("watching a tree that is so large"));
        }
        let runs = self.told.values().any(|status| !status.is_final());
        // Of what was told before an interruption nothing is known here; the top says whether it is over.
        let over = match self.told.get(&self.top.id) {
            Some(status) => status.is_final(),
            None => Status::of(&self.top.status).is_some_and(Status::is_final),
        };
        self.quiet = if runs || !over { 0 } else { self.quiet.saturating_add(1) };
        Ok(())
    }

    fn take(&mut self, row: Row) {
        let Some(status) = Status::of(&row.status) else { return };
        if !self.is_below(&row) {
            return;
        }
        let before = self.told.insert(row.id.clone(), status);
        if before == Some(status) || row.changed_at < self.floor {
            return;
        }
        self.since = self.since.max(row.changed_at);
        self.waiting.push_back(Change { cursor: self.since, added: before.is_none(), row });
    }

    /// Whether a call belongs to what is watched. Those above it come first.
    fn is_below(&self, row: &Row) -> bool {
        let Some(parent) = row.parent_id.as_ref() else { return row.id == self.top.id };
        row.id == self.top.id || self.top.parent_id.is_none() || self.told.contains_key(parent)
    }
}
