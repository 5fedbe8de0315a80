//! Callers that call as fast as they are answered, and how long each call took.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use super::End;
use crate::drive::Load;

/// Durations of calls, in microseconds, from when the warming up is over.
#[derive(Clone)]
pub(crate) struct Clock {
    from: Instant,
    until: Instant,
    times: Rc<RefCell<Vec<u32>>>,
}

impl Clock {
    /// A second to warm up, then so many to measure.
    pub(crate) fn new(seconds: u32) -> Self {
        let from = Instant::now() + Duration::from_secs(1);
        Self { from, until: from + Duration::from_secs(seconds.into()), times: Rc::default() }
    }

    /// One caller: calls until the time is over.
    pub(crate) async fn drive(&self, mut call: impl AsyncFnMut() -> End) -> End {
        loop {
            let begun = Instant::now();
            if begun >= self.until {
                return Ok(());
            }
            call().await?;
            if begun >= self.from {
                let taken = u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX);
                self.times.borrow_mut().push(taken);
            }
        }
    }

    /// What all callers together did.
    pub(crate) fn load(self) -> Load {
        let mut times = self.times.take();
        times.sort_unstable();
        let seconds = (self.until - self.from).as_secs_f64();
        let at =
            |share: usize| f64::from(times.get(times.len() * share / 100).copied().unwrap_or(0)) / 1000.0;
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let rate = times.len() as f64 / seconds;
        Load { rate, p50: at(50), p99: at(99) }
    }
}
