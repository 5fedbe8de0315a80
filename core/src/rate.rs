//! Limits on how often a caller may call: what the engine asks, and what it is told.

use std::{net::IpAddr, sync::Arc};

use futures::future::BoxFuture;
use parking_lot::Mutex;

use crate::{CallError, error::codes};

/// Whose allowance a call is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// A key, by its id.
    Key(&'a str),
    /// A client without a key, by its address.
    Address(IpAddr),
}

/// Something that takes from an allowance.
#[derive(Clone, Copy, Debug)]
pub enum Taking<'a> {
    /// A call of an operation by its caller.
    Call(&'a str),
    /// A call that another call makes: of the caller's allowance it is a part already, of its operation's it is not.
    Nested(&'a str),
    /// Credentials that were not accepted.
    Refused,
}

/// How a caller stands with the limit that applies to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Name of the limit.
    pub policy: Arc<str>,
    /// Calls in a window.
    pub quota: u64,
    /// Length of the window in seconds.
    pub window: u64,
    /// Calls that may be made at once now.
    pub remaining: u64,
    /// Seconds until the whole quota is there again.
    pub reset: u64,
    /// Seconds until the next call is let in, where this one is not.
    pub retry_after: Option<u32>,
}

impl Standing {
    /// The error of a call that is not let in.
    #[must_use]
    pub fn refusal(&self) -> Option<CallError> {
        let seconds = self.retry_after?;
        let message = format!(
            "More than {} calls in {} s are not let in (limit \"{}\"); try again in {seconds} s.",
            self.quota, self.window, self.policy
        );
        let details = serde_json::json!({ "policy": &*self.policy, "retryAfter": seconds });
        let mut error = CallError::new(codes::RATE_LIMITED, message).with_details(details);
        error.retry_after = Some(seconds);
        Some(error)
    }
}

/// Counts calls.
pub trait RateLimiter: Send + Sync {
    /// Takes from an allowance; `None`, and at once, where nothing limits this. What many processes share may have to
    /// be asked for elsewhere, hence the future.
    fn take<'a>(&'a self, who: Who<'a>, what: Taking<'a>) -> Option<BoxFuture<'a, Standing>>;
}

/// What a transport may tell its client beside the answer.
#[derive(Debug, Default)]
pub struct Notes {
    inner: Mutex<Noted>,
}

/// See [`Notes`].
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// The limit that applied; of several the one with the least left.
    pub standing: Option<Standing>,
    /// The answer is that of an earlier call with the same idempotency key.
    pub replayed: bool,
}

impl Notes {
    /// What is known so far.
    #[must_use]
    pub fn read(&self) -> Noted {
        self.inner.lock().clone()
    }

    pub(crate) fn replayed(&self) {
        self.inner.lock().replayed = true;
    }

    pub(crate) fn stands(&self, standing: &Standing) {
        let mut noted = self.inner.lock();
        let nearer = |known: &Standing| {
            (standing.retry_after.is_none(), standing.remaining)
                < (known.retry_after.is_none(), known.remaining)
        };
        if noted.standing.as_ref().is_none_or(nearer) {
            noted.standing = Some(standing.clone());
        }
    }
}
