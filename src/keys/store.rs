//! Verifying keys, fast. A cache stands before the database; the key epoch says when it is old.
//!
//! Entries belong to a generation. A change in this process begins a new one at once; a change in another process
//! does so at the next look at the epoch, within [`LOOK`]. Entries of an older generation are never used, so nothing
//! that was read before a change and stored after it can be believed; nor is a key that was read from the database
//! believed when a new generation began meanwhile. Where no look has succeeded for [`TRUST`], the cache is not believed
//! at all and every key is looked up: no answer is better than a wrong one.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alkhub_core::{CallError, Identity};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::token::{self, LONGEST_ID};
use crate::storage::{
    Database,
    keys::{self, Key, Status},
    time::now_ms,
};

const LOOK: Duration = Duration::from_millis(400);
const TRUST: Duration = Duration::from_millis(800);
/// Longest look-up; a request without a known caller has no deadline of its own yet.
const PATIENCE: Duration = Duration::from_secs(5);
/// Keys held in memory, unknown ids included, which a flood of them fills first.
const CACHED: usize = 100_000;
/// How often last uses are written down.
const FLUSH: Duration = Duration::from_secs(30);
/// Uses that wait to be written down; further ones are forgotten.
const WAITING: usize = 100_000;
const MINUTE: i64 = 60_000;

/// Why a key was not accepted. Callers are told one thing for all but the last.
#[derive(Debug)]
pub enum VerifyError {
    /// Not of the form of a key.
    Malformed,
    /// No such key, or another secret.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was ended.
    Revoked,
    /// It cannot be looked up.
    Store(CallError),
}

/// That a connection has shown a key: its id, and the hash of the secret that it had then.
#[derive(Clone)]
pub struct Admission {
    id: String,
    secret_hash: Vec<u8>,
}

/// A key's place in the cache; without a heap of its own, because every call makes one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Slot {
    id: [u8; LONGEST_ID],
    generation: u64,
}

impl Slot {
    /// Of an id that has the form of one; its letters are never zero, so filling up with zeroes is unambiguous.
    fn of(id: &str, generation: u64) -> Self {
        let mut slot = Self { id: [0; LONGEST_ID], generation };
        for (place, letter) in slot.id.iter_mut().zip(id.bytes()) {
            *place = letter;
        }
        slot
    }
}

struct Cached {
    key: Key,
    identity: Arc<Identity>,
    used: AtomicI64,
}

struct Inner {
    database: Database,
    cache: Cache<Slot, Option<Arc<Cached>>>,
    generation: AtomicU64,
    started: Instant,
    /// Milliseconds after `started` of the last look at the epoch that succeeded.
    looked: AtomicU64,
    uses: Mutex<HashMap<String, i64>>,
    /// A new generation has begun.
    news: watch::Sender<()>,
}

/// Verifies keys. Cheap to clone.
#[derive(Clone)]
pub struct KeyStore {
    inner: Arc<Inner>,
}

impl KeyStore {
    /// A store over this database that keeps itself current, in two of these tasks, until `stop` is cancelled.
    #[must_use]
    pub fn start(database: Database, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        let store = Self {
            inner: Arc::new(Inner {
                database,
                cache: Cache::new(CACHED),
                generation: AtomicU64::new(0),
                started: Instant::now(),
                looked: AtomicU64::new(0),
                uses: Mutex::new(HashMap::new()),
                news: watch::Sender::new(()),
            }),
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(store.clone().keep_current()));
        tasks.spawn(stop.clone().run_until_cancelled_owned(store.clone().keep_uses()));
        store
    }

    /// The identity of a key.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub async fn verify(&self, text: &str) -> Result<Arc<Identity>, VerifyError> {
        let (id, secret) = token::split(text).ok_or(VerifyError::Malformed)?;
        let Some(cached) = self.look_up(id).await.map_err(VerifyError::Store)? else {
            // The same work as for a known id, so that time does not tell them apart.
            let _ = std::hint::black_box(token::matches(&secret, &[0; 32]));
            return Err(VerifyError::Unknown);
        };
        if !token::matches(&secret, &cached.key.secret_hash) {
            return Err(VerifyError::Unknown);
        }
        let now = now_ms();
        match cached.key.status(now) {
            Status::Active => {}
            Status::Expired => return Err(VerifyError::Expired),
            Status::Revoked => return Err(VerifyError::Revoked),
        }
        self.note_use(&cached, now);
        Ok(cached.identity.clone())
    }

    /// The identity of a key, and what it takes to ask again later without keeping the secret.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub async fn admit(&self, text: &str) -> Result<(Arc<Identity>, Admission), VerifyError> {
        let identity = self.verify(text).await?;
        let cached = self.look_up(&identity.id).await.map_err(VerifyError::Store)?;
        let secret_hash = cached.ok_or(VerifyError::Unknown)?.key.secret_hash.clone();
        let admission = Admission { id: identity.id.clone(), secret_hash };
        // The key may have got another secret in between.
        let identity = self.still(&admission).await?;
        Ok((identity, admission))
    }

    /// What it takes to ask later whether a key, just verified, still is what it is now.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub async fn remember(&self, id: &str) -> Result<Admission, VerifyError> {
        let cached = self.look_up(id).await.map_err(VerifyError::Store)?.ok_or(VerifyError::Unknown)?;
        Ok(Admission { id: id.to_owned(), secret_hash: cached.key.secret_hash.clone() })
    }

    /// The identity of a connection as it is now: its key may have changed or ended since.
    ///
    /// # Errors
    /// Why the key is not accepted any more.
    pub async fn still(&self, admission: &Admission) -> Result<Arc<Identity>, VerifyError> {
        let cached =
            self.look_up(&admission.id).await.map_err(VerifyError::Store)?.ok_or(VerifyError::Unknown)?;
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&*cached.key.secret_hash, &*admission.secret_hash)) {
            return Err(VerifyError::Revoked);
        }
        let now = now_ms();
        match cached.key.status(now) {
            Status::Active => {}
            Status::Expired => return Err(VerifyError::Expired),
            Status::Revoked => return Err(VerifyError::Revoked),
        }
        self.note_use(&cached, now);
        Ok(cached.identity.clone())
    }

    /// Changes whenever a key has: in this process at once, of other processes at the next look.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<()> {
        self.inner.news.subscribe()
    }

    /// Forgets everything cached; called after a change, so that it holds at once in this process.
    pub fn changed(&self) {
        self.inner.generation.fetch_add(1, Ordering::SeqCst);
        // Entries of older generations are not used any more, but would hold the places of newer ones.
        self.inner.cache.clear();
        self.inner.news.send_replace(());
    }

    /// Writes last uses down. What could not be written, or was used again meanwhile, is kept for the next time.
    pub async fn flush(&self) {
        let uses: Vec<(String, i64)> =
            self.inner.uses.lock().iter().map(|(id, at)| (id.clone(), *at)).collect();
        if let Err(error) = keys::touch(&self.inner.database, &uses).await {
            tracing::debug!(%error, "last uses of keys were not written down yet");
            return;
        }
        let mut waiting = self.inner.uses.lock();
        for (id, at) in uses {
            if waiting.get(&id) == Some(&at) {
                waiting.remove(&id);
            }
        }
    }

    async fn look_up(&self, id: &str) -> Result<Option<Arc<Cached>>, CallError> {
        // In this order: a recent look was followed by a new generation where it saw a change.
        let trusted = self.age() <= TRUST;
        let slot = Slot::of(id, self.inner.generation.load(Ordering::SeqCst));
        if trusted && let Some(found) = self.inner.cache.get(&slot) {
            return Ok(found);
        }
        // Boxed: the rare way to the database would make the future of every call large.
        let loaded = tokio::time::timeout(PATIENCE, Box::pin(self.load_current(id))).await;
        loaded.map_err(|_| CallError::unavailable("database"))?
    }

    /// Reads the key again until nothing has changed meanwhile: a slow answer may be older than a revocation.
    async fn load_current(&self, id: &str) -> Result<Option<Arc<Cached>>, CallError> {
        loop {
            let trusted = self.age() <= TRUST;
            let generation = self.inner.generation.load(Ordering::SeqCst);
            let loaded = if trusted {
                self.inner.cache.get_or_insert_async(&Slot::of(id, generation), self.load(id)).await?
            } else {
                self.load(id).await?
            };
            if self.inner.generation.load(Ordering::SeqCst) == generation {
                return Ok(loaded);
            }
        }
    }

    async fn load(&self, id: &str) -> Result<Option<Arc<Cached>>, CallError> {
        Ok(keys::get(&self.inner.database, id).await?.map(|key| {
            let identity =
                Identity { id: key.id.clone(), scopes: key.scopes.clone(), resources: key.resources.clone() };
            Arc::new(Cached { key, identity: Arc::new(identity), used: AtomicI64::new(0) })
        }))
    }

    fn age(&self) -> Duration {
        let looked = Duration::from_millis(self.inner.looked.load(Ordering::Acquire));
        self.inner.started.elapsed().saturating_sub(looked)
    }

    fn note_use(&self, cached: &Cached, now: i64) {
        let minute = now - now.rem_euclid(MINUTE);
        if cached.used.swap(minute, Ordering::Relaxed) == minute {
            return;
        }
        let mut uses = self.inner.uses.lock();
        if uses.len() < WAITING {
            uses.insert(cached.key.id.clone(), minute);
        }
    }

    async fn keep_current(self) {
        let mut known = None;
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let asked = self.inner.started.elapsed();
            let Ok(Ok(epoch)) = tokio::time::timeout(LOOK, keys::epoch(&self.inner.database)).await else {
                continue;
            };
            if known.replace(epoch) != Some(epoch) {
                self.changed();
            }
            // The moment of asking: what changed while the answer was on its way was not seen.
            let asked = u64::try_from(asked.as_millis()).unwrap_or(u64::MAX);
            // Released after the new generation: who sees this look sees what it led to.
            self.inner.looked.store(asked, Ordering::Release);
        }
    }

    async fn keep_uses(self) {
        loop {
            tokio::time::sleep(FLUSH).await;
            self.flush().await;
        }
    }
}
