//! A hub to test against.

pub(crate) mod database;
pub(crate) mod events;
pub(crate) mod hub;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod wire;

use std::time::{Duration, Instant};

/// Waits until a condition holds; a loaded machine only makes it wait longer.
#[track_caller]
pub(crate) fn until<'a>(
    what: &'a str,
    bound: Duration,
    mut condition: impl AsyncFnMut() -> bool + 'a,
) -> impl Future<Output = Duration> + 'a {
    let place = std::panic::Location::caller();
    async move {
        let begun = Instant::now();
        while !condition().await {
            assert!(begun.elapsed() < bound, "{place}: {what}: not within {bound:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        begun.elapsed()
    }
}
