//! Buckets of this process alone, in a cache of bounded size; one that was dropped begins full.

use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use quick_cache::sync::Cache;

use super::Quota;
use crate::bus::Level;

/// Most buckets, about 100 bytes each.
const BUCKETS: usize = 100_000;

/// Of each bucket the moment is kept at which it will be full.
pub(super) struct Local {
    buckets: Cache<u64, Arc<AtomicU64>>,
    /// Seeded at random, so that nobody can look for two callers of one bucket.
    hasher: RandomState,
    started: Instant,
}

impl Default for Local {
    fn default() -> Self {
        Self { buckets: Cache::new(BUCKETS), hasher: RandomState::new(), started: Instant::now() }
    }
}

impl Local {
    pub(super) fn take(&self, name: &str, quota: Quota) -> Level {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let bucket = self.hasher.hash_one(name);
        let made = self.buckets.get_or_insert_with(&bucket, || Ok::<_, Infallible>(Arc::default()));
        let bucket = match made {
            Ok(bucket) => bucket,
            Err(never) => match never {},
        };
        let mut level = Level { empty: 0, taken: false };
        // Nothing else is published by this number, so it needs no order with other memory.
        let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            level = quota.take(full_at.saturating_sub(now));
            level.taken.then_some(now + level.empty)
        });
        level
    }
}
