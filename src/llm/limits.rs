//! How many requests and tokens a key may use in a time.
//!
//! A bucket empties at once and fills evenly. Processes that share a Redis take from the same buckets there; without one,
//! and while it is away, each counts by itself (ADR 0032). Tokens are taken by estimate before a request and corrected
//! after it, so a bucket may be in debt.

use std::{collections::HashMap, sync::Arc};

use alkhub_core::{CallError, call::now_ms, error::codes};
use parking_lot::Mutex;

use super::catalog::{Policy, Quota};
use crate::bus::Buckets;

/// Buckets that are held; full ones are forgotten first.
const MOST: usize = 100_000;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Requests,
    Tokens,
}

/// When a bucket will be full, in milliseconds since the Unix epoch.
#[derive(Default)]
pub(super) struct Limits {
    full_at: Mutex<HashMap<(String, What), f64>>,
    shared: Option<Arc<dyn Buckets>>,
}

/// Tokens that were taken for a request, and where.
#[derive(Clone, Copy, Default)]
pub(super) struct Taken {
    tokens: u64,
    shared: bool,
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds and counts are far below 2^53, and times of a day in nanoseconds are, too"
)]
impl Limits {
    pub(super) fn new(shared: Option<Arc<dyn Buckets>>) -> Self {
        Self { full_at: Mutex::default(), shared }
    }

    /// Takes a request and its tokens, both or none.
    pub(super) async fn take(&self, key: &str, policy: &Policy, tokens: u64) -> Result<Taken, CallError> {
        let request = match policy.requests {
            Some(quota) => Some((quota, self.one(key, What::Requests, quota, 1).await?)),
            None => None,
        };
        let Some(quota) = policy.tokens else { return Ok(Taken::default()) };
        // More than all would never be let in.
        let tokens = tokens.min(quota.count);
        match self.one(key, What::Tokens, quota, tokens).await {
            Ok(shared) => Ok(Taken { tokens, shared }),
            Err(refused) => {
                if let Some((quota, shared)) = request
                    && let Some(elsewhere) = self.shift(key, What::Requests, quota, shared, -1.0)
                {
                    elsewhere.await;
                }
                Err(refused)
            }
        }
    }

    /// Corrects the estimate of a request's tokens; what is to be done where others count too.
    pub(super) fn correct(
        &self,
        key: &str,
        policy: &Policy,
        taken: Taken,
        used: u64,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let more = used as f64 - taken.tokens as f64;
        self.shift(key, What::Tokens, policy.tokens?, taken.shared, more)
    }

    /// Takes so many more, or gives them back where they are negative; what is to be done where others count too.
    fn shift(
        &self,
        key: &str,
        what: What,
        quota: Quota,
        shared: bool,
        more: f64,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        if !shared {
            if let Some(full_at) = self.full_at.lock().get_mut(&(key.to_owned(), what)) {
                *full_at += more * step(quota);
            }
            return None;
        }
        let (shared, bucket) = (self.shared.clone()?, name(key, what, quota));
        let by = (more * step(quota) * 1e6).clamp(-9e15, 9e15) as i64;
        Some(async move { shared.shift(&bucket, by, room(quota)).await })
    }

    /// Takes so many from a bucket; whether from one that is shared.
    async fn one(&self, key: &str, what: What, quota: Quota, count: u64) -> Result<bool, CallError> {
        if let Some(shared) = &self.shared {
            let wanted = (count as f64 * step(quota) * 1e6) as u64;
            if let Some(level) = shared.take(&name(key, what, quota), wanted.max(1), room(quota)).await {
                let excess = (level.empty.saturating_add(wanted)).saturating_sub(room(quota));
                return if level.taken { Ok(true) } else { Err(refused(what, quota, excess as f64 / 1e6)) };
            }
        }
        self.alone(key, what, quota, count).map(|()| false)
    }

    fn alone(&self, key: &str, what: What, quota: Quota, count: u64) -> Result<(), CallError> {
        let now = now_ms() as f64;
        let mut all = self.full_at.lock();
        if all.len() >= MOST {
            all.retain(|_, full_at| *full_at > now);
        }
        let full_at = all.entry((key.to_owned(), what)).or_insert(now);
        let wanted = full_at.max(now) + count as f64 * step(quota);
        let excess = wanted - now - quota.seconds as f64 * 1000.0;
        if excess > 0.5 {
            return Err(refused(what, quota, excess));
        }
        *full_at = wanted;
        Ok(())
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and at most some days")]
fn refused(what: What, quota: Quota, excess_ms: f64) -> CallError {
    let seconds = ((excess_ms / 1000.0).ceil() as u32).max(1);
    let name = if what == What::Requests { "requests" } else { "tokens" };
    let message = format!(
        "The key may use {} {name} in {} s to ask models; try again in {seconds} s.",
        quota.count, quota.seconds
    );
    let details = serde_json::json!({ "policy": format!("llm.{name}"), "retryAfter": seconds });
    let mut error = CallError::new(codes::RATE_LIMITED, message).with_details(details);
    error.retry_after = Some(seconds);
    error
}

/// The name of a shared bucket. The quota is a part of it: one that changes begins with full buckets.
fn name(key: &str, what: What, quota: Quota) -> String {
    let what = if what == What::Requests { "requests" } else { "tokens" };
    format!("llm.{what}:{}/{}:key:{key}", quota.count, quota.seconds)
}

/// Milliseconds in which one comes back.
#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
fn step(quota: Quota) -> f64 {
    quota.seconds as f64 * 1000.0 / quota.count.max(1) as f64
}

/// Nanoseconds in which an empty bucket fills.
fn room(quota: Quota) -> u64 {
    quota.seconds.saturating_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_and_tokens() {
        let limits = Limits::default();
        let quota = |count| Some(Quota { count, seconds: 3600 });
        let policy = Policy { requests: quota(3), tokens: quota(100), ..Policy::default() };
        let taken = limits.take("a", &policy, 60).await.expect("the first");
        // What the tokens do not let in costs no request.
        for _ in 0..5 {
            let refused = limits.take("a", &policy, 60).await.err().expect("too many tokens");
            assert!(refused.message.contains("tokens"), "{refused}");
        }
        assert!(limits.take("b", &policy, 1000).await.is_ok());
        assert!(limits.correct("a", &policy, taken, 0).is_none());
        assert!(limits.take("a", &policy, 60).await.is_ok());
        assert!(limits.take("a", &policy, 1).await.is_ok());
        let refused = limits.take("a", &policy, 1).await.err().expect("three are used up");
        assert_eq!(refused.code, codes::RATE_LIMITED);
        assert!(refused.retry_after.is_some());
    }
}
