//! Buckets that all processes take from. What they are for is not known here.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Counters, Settings, redis::RedisBuckets};

/// A bucket after it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// After so many nanoseconds it is full.
    pub empty: u64,
    /// Whether a step was taken from it; otherwise there was none left.
    pub taken: bool,
}

/// Buckets that fill evenly; one that nobody knows is full.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// Takes one step from a bucket: what comes back in `step` nanoseconds, where an empty one fills in `room`, at most
    /// a day. `None`, at once or within the patience, where the buckets are away.
    async fn take(&self, bucket: &str, step: u64, room: u64) -> Option<Level>;

    /// Corrects what was taken: so many nanoseconds more, or fewer where it is below zero, also beyond what is in it. Where
    /// the buckets are away nothing is corrected.
    async fn shift(&self, bucket: &str, by: i64, room: u64);
}

/// Buckets in a Redis, whose connection is kept in these tasks until `stop` is cancelled. A call waits for it no longer
/// than its patience.
///
/// # Errors
/// What is wrong with the settings.
pub fn buckets(
    settings: &Settings,
    patience: Duration,
    counters: &Counters,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Arc<dyn Buckets>, String> {
    Ok(RedisBuckets::start(settings, patience, counters, tasks, stop)?)
}
