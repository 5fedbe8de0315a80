//! Buckets in Redis, taken from by a script, in one round trip and by the clock of the server.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ::redis::{Script, ToRedisArgs};
use async_trait::async_trait;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    kept::{Kept, has_broken},
    open,
};
use crate::bus::{Buckets, Counters, Level, Settings};

/// After a failure nobody asks for so many milliseconds; then one asks for all.
const REST: u64 = 1000;

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));
static SHIFT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("shift.lua")));

pub(in crate::bus) struct RedisBuckets {
    kept: Arc<Kept>,
    prefix: String,
    patience: Duration,
    started: Instant,
    /// When to ask again, in milliseconds since the start; 0 where all is well.
    ask_at: AtomicU64,
    /// Whether it has been said that nothing is to be had here.
    said: AtomicBool,
    counters: Counters,
}

impl RedisBuckets {
    pub(in crate::bus) fn start(
        settings: &Settings,
        patience: Duration,
        counters: &Counters,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>, String> {
        let meanwhile = "each process counts calls by itself";
        let kept = Kept::new(open(settings)?, settings.timeout, counters.reconnects.clone(), meanwhile);
        let buckets = Arc::new(Self {
            kept: Arc::new(kept),
            prefix: settings.prefix.clone(),
            patience,
            started: Instant::now(),
            ask_at: AtomicU64::new(0),
            said: AtomicBool::new(false),
            counters: counters.clone(),
        });
        tasks.spawn(stop.clone().run_until_cancelled_owned(buckets.kept.clone().keep()));
        Ok(buckets)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether this call may ask: after a failure one in each [`REST`] does, to find out for the others.
    fn may_ask(&self) -> bool {
        let ask_at = self.ask_at.load(Ordering::Relaxed);
        if ask_at == 0 {
            return true;
        }
        let (now, next) = (self.now(), self.later());
        let swap = |known| self.ask_at.compare_exchange(known, next, Ordering::Relaxed, Ordering::Relaxed);
        now >= ask_at && swap(ask_at).is_ok()
    }

    fn later(&self) -> u64 {
        self.now().saturating_add(REST)
    }

    async fn ask(
        &self,
        script: &Script,
        bucket: &str,
        by: impl ToRedisArgs + Send,
        room: u64,
    ) -> Result<Level, String> {
        let Some((number, mut connection)) = self.kept.get() else {
            return Err("there is no connection".to_owned());
        };
        let mut take = script.key(format!("{}rate:{bucket}", self.prefix));
        take.arg(by).arg(room);
        match timeout(self.patience, Box::pin(take.invoke_async::<(u8, u64)>(&mut connection))).await {
            Ok(Ok((taken, empty))) => Ok(Level { empty, taken: taken == 1 }),
            Ok(Err(error)) => {
                if has_broken(&error) {
                    self.kept.give_up(number);
                }
                Err(error.to_string())
            }
            Err(_) => Err("no answer in time".to_owned()),
        }
    }
}

#[async_trait]
impl Buckets for RedisBuckets {
    async fn take(&self, bucket: &str, step: u64, room: u64) -> Option<Level> {
        let asked = if self.may_ask() { Some(self.ask(&TAKE, bucket, step, room).await) } else { None };
        match asked {
            Some(Ok(level)) => {
                self.ask_at.store(0, Ordering::Relaxed);
                self.counters.shared.inc();
                if self.said.swap(false, Ordering::Relaxed) {
                    tracing::info!("calls are counted in Redis again");
                }
                return Some(level);
            }
            Some(Err(reason)) => {
                self.ask_at.store(self.later(), Ordering::Relaxed);
                if !self.said.swap(true, Ordering::Relaxed) {
                    tracing::warn!(reason, "calls cannot be counted in Redis; each process counts by itself");
                }
            }
            None => {}
        }
        self.counters.alone.inc();
        None
    }

    async fn shift(&self, bucket: &str, by: i64, room: u64) {
        if let Err(reason) = self.ask(&SHIFT, bucket, by, room).await {
            // The estimate stays.
            tracing::debug!(reason, "what was taken from a bucket was not corrected");
        }
    }
}
