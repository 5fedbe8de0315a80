//! One reader of events: from memory while it keeps up, from the database for what it has missed.
//!
//! Numbers are dense, so a reader knows by the next number whether it has missed something.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use alkhub_core::{CallError, error::codes};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Interval, MissedTickBehavior, interval_at},
};

use super::{Events, Told, lag::Place};
use crate::{
    keys::{Admission, KeyStore, VerifyError},
    storage::{
        events::{self, Filter},
        time::now_ms,
    },
};

/// Events that are read from the database at once.
const PAGE: u64 = 100;
/// How long a look at the reader's key is good for.
const TRUST: Duration = Duration::from_millis(250);
/// Pause of the hub's own reader after a failure.
const AGAIN: Duration = Duration::from_millis(250);

/// What a reader is handed.
#[derive(Clone, Debug)]
pub enum Item {
    /// An event.
    Event(Arc<Told>),
    /// It has come so far, and there was nothing for it on the way.
    Position(i64),
}

/// Why a reader has ended.
#[derive(Debug)]
pub enum Ended {
    /// What it asks for is not kept any more; the oldest number that is.
    Expired(i64),
    /// It did not read; the last number that it got.
    Behind(i64),
    /// Anything else.
    Failed(CallError),
}

impl From<CallError> for Ended {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}

/// Where a reader stands.
pub struct Reader {
    events: Events,
    filter: Filter,
    ring: Receiver<Arc<Told>>,
    /// Up to this number everything was handed out, or is not for this reader.
    last: i64,
    /// Up to this number everything was read: what is not handed out yet is in `queue`.
    read: i64,
    /// Up to this number the database has what is wanted.
    until: i64,
    queue: VecDeque<Arc<Told>>,
    /// What came later than this came while it was there.
    begun: i64,
    /// The last position that the reader knows of.
    told: Option<i64>,
    ticks: Interval,
    handed: Instant,
    guard: Option<Guard>,
}

/// Whether the key with which a reader came still works. Counts the reader, and where it is, too.
struct Guard {
    place: Place,
    keys: KeyStore,
    admission: Admission,
    looked: Instant,
    count: prometheus::IntGauge,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.count.dec();
    }
}

impl Guard {
    async fn look(&mut self) -> Result<(), CallError> {
        if self.looked.elapsed() < TRUST {
            return Ok(());
        }
        // Boxed, as what is rarely done: every reader would hold its future's room for good.
        match Box::pin(self.keys.still(&self.admission)).await {
            Ok(_) => {
                self.looked = Instant::now();
                Ok(())
            }
            Err(VerifyError::Store(error)) => Err(error),
            Err(_) => Err(ended_key()),
        }
    }
}

fn ended_key() -> CallError {
    let mut error = CallError::new(
        codes::ACCESS_DENIED,
        "The key of this reader is not valid any more: it is expired, revoked or rotated.",
    );
    error.unauthenticated = true;
    error
}

impl Events {
    /// A reader of what comes after `since`, or from now on, for the holder of a key.
    ///
    /// # Errors
    /// Expired, or why there can be no reader.
    pub async fn reader(
        &self,
        filter: Filter,
        since: Option<i64>,
        keys: &KeyStore,
        key_id: &str,
    ) -> Result<Reader, Ended> {
        let admission = keys.remember(key_id).await.map_err(|refused| match refused {
            VerifyError::Store(error) => error,
            _ => ended_key(),
        })?;
        let mut reader = self.open(filter, since).await?;
        let count = self.inner.signs.readers.clone();
        count.inc();
        let place = self.inner.signs.lag.join(reader.last);
        reader.guard = Some(Guard { place, keys: keys.clone(), admission, looked: Instant::now(), count });
        Ok(reader)
    }

    async fn open(&self, filter: Filter, since: Option<i64>) -> Result<Reader, Ended> {
        // In this order: what is put into the ring after the number was read is heard.
        let ring = self.inner.ring.subscribe();
        let tail = *self.inner.tail.borrow();
        let bounds = {
            let _turn = self.inner.turns.acquire().await;
            events::bounds(&self.inner.database).await?
        };
        if let Some(since) = since {
            if since < bounds.floor {
                return Err(Ended::Expired(bounds.floor + 1));
            }
            if since > bounds.head {
                let message = format!("there is no such event yet; the last one is {}", bounds.head);
                return Err(CallError::fault("/since", message).into());
            }
        }
        // The database's end, which may be a moment ahead of this process: what others can see already is not new.
        let last = since.unwrap_or(bounds.head);
        let pause = self.inner.settings.load().position;
        let mut ticks = interval_at(tokio::time::Instant::now() + pause, pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Reader {
            events: self.clone(),
            filter,
            ring,
            last,
            read: last,
            until: tail,
            queue: VecDeque::new(),
            begun: bounds.head,
            told: since,
            ticks,
            handed: Instant::now(),
            guard: None,
        })
    }

    /// Hands everything from now on to a part of the hub itself, whatever happens to the database.
    pub(super) async fn feed(self, to: impl Fn(&events::Event)) {
        let mut since = *self.inner.tail.borrow();
        loop {
            let ended = match self.open(Filter::everything(), Some(since)).await {
                Ok(mut reader) => loop {
                    match reader.step().await {
                        Ok(Item::Event(told)) => {
                            to(&told.event);
                            since = told.event.sequence;
                        }
                        Ok(Item::Position(position)) => since = position,
                        Err(ended) => break ended,
                    }
                },
                Err(ended) => ended,
            };
            match ended {
                Ended::Expired(oldest) => since = oldest - 1,
                Ended::Behind(_) | Ended::Failed(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}

impl Reader {
    /// The next event, as soon as there is one.
    ///
    /// # Errors
    /// Why there will be none; after that there is none.
    pub async fn next(&mut self) -> Result<Item, Ended> {
        let inner = &self.events.inner;
        let waited = !self.queue.is_empty() || self.read < *inner.tail.borrow();
        if waited && self.handed.elapsed() > inner.settings.load().patience {
            inner.signs.behind.inc();
            return Err(Ended::Behind(self.last));
        }
        let item = self.step().await?;
        // Also before a position: who may not read is not told either how busy it is.
        if let Some(guard) = &mut self.guard {
            guard.look().await?;
            guard.place.took(self.last);
            self.measure(&item);
        }
        self.handed = Instant::now();
        Ok(item)
    }

    fn measure(&self, item: &Item) {
        if let Item::Event(told) = item
            && told.event.sequence > self.begun
        {
            let took = u64::try_from(now_ms().saturating_sub(told.event.created_at)).unwrap_or(0);
            self.events.inner.signs.delivery.observe(Duration::from_millis(took).as_secs_f64());
        }
    }

    async fn step(&mut self) -> Result<Item, Ended> {
        if self.told.is_none() {
            // At once, so that a reader who is cut off before the first event can resume, too.
            self.told = Some(self.last);
            return Ok(Item::Position(self.last));
        }
        loop {
            if let Some(told) = self.queue.pop_front() {
                let sequence = told.event.sequence;
                self.last = if self.queue.is_empty() { self.read } else { sequence };
                self.told = Some(sequence);
                return Ok(Item::Event(told));
            }
            if self.read < self.until {
                Box::pin(self.page()).await?;
                continue;
            }
            tokio::select! {
                biased;
                received = self.ring.recv() => match received {
                    Ok(told) if told.event.sequence <= self.read => {}
                    Ok(told) if told.event.sequence == self.read + 1 => {
                        self.read += 1;
                        self.last = self.read;
                        if self.filter.fits(&told.event) {
                            self.told = Some(self.read);
                            return Ok(Item::Event(told));
                        }
                    }
                    Ok(told) => self.missed(told.event.sequence),
                    Err(RecvError::Lagged(_)) => {
                        let tail = *self.events.inner.tail.borrow();
                        self.missed(tail);
                    }
                    Err(RecvError::Closed) => return Err(CallError::aborted("the hub is stopping").into()),
                },
                _ = self.ticks.tick() => {
                    // In a silence too, so that the stream of a key that has ended does.
                    if let Some(guard) = &mut self.guard {
                        guard.look().await?;
                    }
                    if self.told != Some(self.last) {
                        self.told = Some(self.last);
                        return Ok(Item::Position(self.last));
                    }
                }
            }
        }
    }

    fn missed(&mut self, until: i64) {
        self.until = self.until.max(until);
        self.events.inner.signs.caught_up.inc();
    }

    /// Reads on in the database.
    async fn page(&mut self) -> Result<(), Ended> {
        let database = &self.events.inner.database;
        let _turn = self.events.inner.turns.acquire().await;
        let page = events::between(database, &self.filter, self.read, self.until, PAGE).await?;
        // Afterwards: what was not deleted by then was not deleted when the page was read.
        let floor = events::bounds(database).await?.floor;
        if self.read < floor {
            return Err(Ended::Expired(floor + 1));
        }
        let whole = u64::try_from(page.len()).unwrap_or(PAGE) < PAGE;
        self.read = if whole { self.until } else { page.last().map_or(self.until, |event| event.sequence) };
        if page.is_empty() {
            self.last = self.read;
        }
        self.queue.extend(page.into_iter().map(Told::new));
        Ok(())
    }
}
