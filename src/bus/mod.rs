//! The bus: what one process says, every process hears. Within this process, or through Redis where that is configured.
//! This folder alone knows Redis.

mod address;
mod buckets;
mod counters;
mod listeners;
mod local;
mod probe;
mod queue;
mod redis;

use std::{sync::Arc, time::Duration};

use alkhub_core::CallError;
use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use address::fault;
pub use buckets::{Buckets, Level, buckets};
pub use counters::Counters;
pub use listeners::Subscription;
pub use probe::{Probe, Trouble, probe};
pub use queue::{CAPACITY, Heard};

use crate::config::Secret;

/// Largest message, in bytes.
pub const LARGEST: usize = 8 * 1024 * 1024;

/// Carries messages between processes. A message is the JSON text of one envelope `{"type","id","payload"}`.
///
/// It is a way for signals, not a store: whoever must miss nothing reads what he missed from the database after a
/// [`Heard::Gap`].
#[async_trait]
pub trait Bus: Send + Sync {
    /// Sends a message to all that have subscribed to the topic, this process included.
    ///
    /// # Errors
    /// UNAVAILABLE, at once or within the timeout, where it cannot be sent; PAYLOAD_TOO_LARGE.
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), CallError>;

    /// Hears what is published on a topic from now on. Where the bus is away, it hears nothing until the bus is back,
    /// and is told so then.
    async fn subscribe(&self, topic: &str) -> Subscription;

    /// Whether messages get through at the moment.
    fn reach(&self) -> Reach;
}

/// Whether messages get to other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// There are none to be reached: the bus is within the process.
    Local,
    /// They do.
    Reachable,
    /// They do not at the moment.
    Away,
}

/// Where Redis is and how it is used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `redis://...` or `rediss://...`; may hold a password, and is never logged.
    pub url: Secret,
    /// Stands before the name of every channel.
    pub prefix: String,
    /// Longest wait for a connection or an answer.
    pub timeout: Duration,
}

/// The name of a topic. An empty id is part of it: `call.responded:`.
#[must_use]
pub fn topic(kind: &str, id: &str) -> String {
    format!("{kind}:{id}")
}

/// Starts the bus, which works in these tasks until `stop` is cancelled. It starts also where Redis is away.
///
/// # Errors
/// What is wrong with the settings.
pub fn start(
    settings: Option<&Settings>,
    counters: &Counters,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Arc<dyn Bus>, String> {
    Ok(match settings {
        None => Arc::new(local::LocalBus::new(counters.clone())),
        Some(settings) => redis::RedisBus::start(settings, counters, tasks, stop)?,
    })
}

/// Refuses what is too large for every target alike.
fn bounded(message: &Bytes) -> Result<(), CallError> {
    if message.len() <= LARGEST {
        return Ok(());
    }
    Err(CallError::new(
        alkhub_core::error::codes::PAYLOAD_TOO_LARGE,
        format!("An event may have {LARGEST} bytes; this one has {}.", message.len()),
    ))
}
