//! Events: the relay that puts them in order, the tail that gives them to readers, and the readers.
//!
//! docs/events.md says how the order comes about and what a reader can rely on.

mod filter;
mod keep;
mod lag;
mod pump;
mod reader;
mod signs;
mod told;
pub mod types;

use std::{sync::Arc, time::Duration};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use filter::Asked;
pub use reader::{Ended, Item, Reader};
pub use signs::Signs;
pub use told::Told;
pub use types::Types;

use crate::{
    convert::signed,
    storage::{
        Database,
        events::{Bounds, Event},
        outbox::Numbered,
        retention::Keep,
    },
};

/// Readers that are at the database at once; the others wait for their turn.
const AT_ONCE: usize = 4;
/// Ranges of numbers that are kept for whoever takes them.
const RANGES: usize = 256;

/// Bounds and pauses.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often to look for what other processes have appended.
    pub poll: Duration,
    /// Events that are kept in memory for readers.
    pub ring: usize,
    /// How long a reader may leave events unread.
    pub patience: Duration,
    /// How often a reader is told how far it has come, where no event tells it.
    pub position: Duration,
    /// How often to look for what is not kept.
    pub sweep: Duration,
    /// What is kept.
    pub keep: Keep,
    /// Patterns of the types that callers may publish.
    pub custom: Vec<String>,
    /// Largest payload that callers may publish.
    pub payload_bytes: usize,
}

/// The events of this process. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    settings: ArcSwap<Settings>,
    types: ArcSwap<Types>,
    signs: Signs,
    ring: broadcast::Sender<Arc<Told>>,
    /// The number of the last event that went into the ring; what comes later is yet to come.
    tail: watch::Sender<i64>,
    /// Readers that may be at the database at once: thousands that come again together must not keep calls from it.
    turns: Semaphore,
    /// The last number that this process itself has given.
    relayed: watch::Sender<i64>,
    given: Mutex<Given>,
}

/// Ranges of numbers that this process has given, where somebody wants to know.
#[derive(Default)]
struct Given {
    wanted: bool,
    ranges: Vec<(i64, i64)>,
}

impl Given {
    fn add(&mut self, numbered: Numbered) {
        let until = numbered.after.saturating_add(signed(numbered.count));
        if let Some(before) = self.ranges.last_mut().filter(|before| before.1 == numbered.after) {
            before.1 = until;
        } else if self.wanted && numbered.count > 0 && self.ranges.len() < RANGES {
            self.ranges.push((numbered.after, until));
        }
    }
}

impl Events {
    /// Begins to relay, to tail and to clean up, in these tasks, until `stop` is cancelled.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR, where the end of the log cannot be found.
    pub async fn start(
        database: Database,
        settings: Settings,
        signs: Signs,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, alkhub_core::CallError> {
        let Bounds { head, .. } = crate::storage::events::bounds(&database).await?;
        signs.lag.advance(head);
        let events = Self {
            inner: Arc::new(Inner {
                types: ArcSwap::from_pointee(Types::new(&settings.custom)),
                ring: broadcast::Sender::new(settings.ring.max(1)),
                tail: watch::Sender::new(head),
                turns: Semaphore::new(AT_ONCE),
                relayed: watch::Sender::new(head),
                given: Mutex::default(),
                database,
                settings: ArcSwap::from_pointee(settings),
                signs,
            }),
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(events.clone().pump()));
        tasks.spawn(stop.clone().run_until_cancelled_owned(events.clone().keep()));
        Ok(events)
    }

    /// Makes the relay look at once: something was appended, or numbered by another process. Any number of calls
    /// before it looks count as one.
    pub fn wake(&self) {
        self.inner.database.appended().notify_one();
    }

    /// The last number that this process itself has given. Whoever tells other processes to [`Events::wake`] waits for
    /// it to change.
    #[must_use]
    pub fn relayed(&self) -> watch::Receiver<i64> {
        self.inner.relayed.subscribe()
    }

    /// From now on it is kept which numbers this process gives, for [`Events::take_given`].
    pub fn keep_given(&self) {
        self.inner.given.lock().wanted = true;
    }

    /// The ranges of numbers that this process has given since it was last asked: after one, up to another. Of very many
    /// that nobody takes, only the first are kept.
    #[must_use]
    pub fn take_given(&self) -> Vec<(i64, i64)> {
        std::mem::take(&mut self.inner.given.lock().ranges)
    }

    /// Numbers what was appended last, for a process that ends.
    pub async fn finish(&self) {
        if let Err(error) = self.turn().await {
            tracing::debug!(%error, "the last events are numbered by another process, or at the next start");
        }
    }

    /// The types that exist.
    #[must_use]
    pub fn types(&self) -> Guard<Arc<Types>> {
        self.inner.types.load()
    }

    /// Bounds and pauses.
    #[must_use]
    pub fn settings(&self) -> Guard<Arc<Settings>> {
        self.inner.settings.load()
    }

    /// Other ones, from now on: for whoever publishes, for readers that come, and for what is kept. The ring and the
    /// pause of the relay stay as they are.
    pub fn set(&self, settings: Settings) {
        self.inner.types.store(Arc::new(Types::new(&settings.custom)));
        self.inner.settings.store(Arc::new(settings));
    }

    /// Hands every event from now on to this function, in order, until `stop` is cancelled. What is missed while the
    /// database is away is made up for.
    pub fn each(
        &self,
        tasks: &TaskTracker,
        stop: &CancellationToken,
        to: impl Fn(&Event) + Send + Sync + 'static,
    ) {
        tasks.spawn(stop.clone().run_until_cancelled_owned(self.clone().feed(to)));
    }
}
