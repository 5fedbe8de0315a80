//! What may be known of calls from outside: begun, and ended in some way.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use super::{Input, Output};
use crate::{Call, CallError, Kind, error::codes};

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// With its output; of a subscription, with its last item.
    Completed,
    /// With an error.
    Failed(&'a CallError),
    /// Its future or stream was dropped, or its token was cancelled.
    Aborted,
}

impl Outcome<'_> {
    /// `ok`, or the code of the error.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Completed => "ok",
            Self::Failed(error) => &error.code,
            Self::Aborted => codes::ABORTED,
        }
    }
}

/// Told of every call that was authorised and valid, and of every one that was not, at its end.
pub trait Observer: Send + Sync {
    /// A call begins.
    fn started(&self, _call: &Call) {}
    /// Whether something of a call must be kept before its effect. Its input is valid then when it is admitted.
    fn insists(&self, _call: &Call) -> bool {
        false
    }
    /// A call is about to be served. Where something must be done before its effect, it waits for that, and fails with
    /// it.
    fn admitted(&self, _call: &Call, _input: &Input) -> Option<BoxFuture<'static, Result<(), CallError>>> {
        None
    }
    /// A call has answered with this.
    fn answered(&self, _call: &Call, _output: &Output) {}
    /// A call ended after this time.
    fn ended(&self, call: &Call, outcome: Outcome<'_>, elapsed: Duration);
}

/// Reports the end of a call exactly once, also when it is dropped in the middle.
pub(super) struct Running {
    call: Call,
    begun: Instant,
    reported: bool,
}

impl Running {
    pub(super) fn begin(call: Call) -> Self {
        use std::sync::atomic::Ordering::Relaxed;
        let inner = &call.inner.engine.inner;
        inner.running.fetch_add(1, Relaxed);
        inner.total.fetch_add(1, Relaxed);
        if call.kind() == Kind::Subscription {
            inner.streams.fetch_add(1, Relaxed);
        }
        inner.observers.iter().for_each(|observer| observer.started(&call));
        Self { call, begun: Instant::now(), reported: false }
    }

    pub(super) fn call(&self) -> &Call {
        &self.call
    }

    pub(super) fn end(&mut self, outcome: Outcome<'_>) {
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        if let Outcome::Failed(error) = outcome
            && let Some(cause) = &error.cause
        {
            tracing::error!(
                request_id = %self.call.request_id(),
                operation = self.call.operation_id(),
                %cause,
                "call failed on the inside"
            );
        }
        let inner = &self.call.inner.engine.inner;
        inner.running.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        if self.call.kind() == Kind::Subscription {
            inner.streams.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        }
        let elapsed = self.begun.elapsed();
        inner.observers.iter().for_each(|observer| observer.ended(&self.call, outcome, elapsed));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(Outcome::Aborted);
    }
}
