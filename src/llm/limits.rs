//! How many requests and tokens a key may use in a time, counted by this process.
//!
//! A bucket empties at once and fills evenly. Tokens are taken by estimate before a request and corrected after it, so a
//! bucket may be in debt.

use std::collections::HashMap;

use alkhub_core::{CallError, call::now_ms, error::codes};
use parking_lot::Mutex;

use super::catalog::{Policy, Quota};

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
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds and counts are far below 2^53")]
impl Limits {
    /// Takes a request and its tokens.
    pub(super) fn take(&self, key: &str, policy: &Policy, tokens: u64) -> Result<(), CallError> {
        if let Some(quota) = policy.requests {
            self.one(key, What::Requests, quota, 1)?;
        }
        if let Some(quota) = policy.tokens {
            // More than all would never be let in.
            self.one(key, What::Tokens, quota, tokens.min(quota.count))?;
        }
        Ok(())
    }

    /// Corrects the estimate of a request's tokens.
    pub(super) fn correct(&self, key: &str, policy: &Policy, estimated: u64, used: u64) {
        let Some(quota) = policy.tokens else { return };
        let more = used as f64 - estimated.min(quota.count) as f64;
        if let Some(full_at) = self.full_at.lock().get_mut(&(key.to_owned(), What::Tokens)) {
            *full_at += more * step(quota);
        }
    }

    fn one(&self, key: &str, what: What, quota: Quota, count: u64) -> Result<(), CallError> {
        let now = now_ms() as f64;
        let mut all = self.full_at.lock();
        if all.len() >= MOST {
            all.retain(|_, full_at| *full_at > now);
        }
        let full_at = all.entry((key.to_owned(), what)).or_insert(now);
        let wanted = full_at.max(now) + count as f64 * step(quota);
        let excess = wanted - now - quota.seconds as f64 * 1000.0;
        if excess > 0.5 {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive and at most a day"
            )]
            let seconds = (excess / 1000.0).ceil() as u32;
            let name = if what == What::Requests { "requests" } else { "tokens" };
            let message = format!(
                "The key may use {} {name} in {} s to ask models; try again in {seconds} s.",
                quota.count, quota.seconds
            );
            let details = serde_json::json!({ "policy": format!("llm.{name}"), "retryAfter": seconds });
            let mut error = CallError::new(codes::RATE_LIMITED, message).with_details(details);
            error.retry_after = Some(seconds);
            return Err(error);
        }
        *full_at = wanted;
        Ok(())
    }
}

/// Milliseconds in which one comes back.
#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
fn step(quota: Quota) -> f64 {
    quota.seconds as f64 * 1000.0 / quota.count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_tokens() {
        let limits = Limits::default();
        let quota = |count| Some(Quota { count, seconds: 3600 });
        let policy = Policy { requests: quota(3), tokens: quota(100), ..Policy::default() };
        assert!(limits.take("a", &policy, 60).is_ok());
        assert!(limits.take("a", &policy, 60).is_err());
        assert!(limits.take("b", &policy, 1000).is_ok());
        limits.correct("a", &policy, 60, 0);
        assert!(limits.take("a", &policy, 60).is_ok());
        let refused = limits.take("a", &policy, 1).expect_err("three are used up");
        assert_eq!(refused.code, codes::RATE_LIMITED);
        assert!(refused.retry_after.is_some());
    }
}
