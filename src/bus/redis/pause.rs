//! How long to wait before a lost connection is tried again.

use std::time::Duration;

use rand::Rng;

const FIRST: Duration = Duration::from_millis(50);
/// Short enough that the hub is whole again within seconds of Redis' return.
const LONGEST: Duration = Duration::from_secs(2);

/// Counts failures in a row.
#[derive(Default)]
pub(super) struct Pause {
    failures: u32,
}

impl Pause {
    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether the next failure is the first in a row, which is worth a line in the log.
    pub(super) fn is_first(&self) -> bool {
        self.failures == 0
    }

    /// Jitter over the upper half of a bound that doubles: processes do not come at once, and none comes without a pause.
    pub(super) async fn wait(&mut self) {
        let bound = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let pause = rand::rng().random_range(bound / 2..=bound);
        tokio::time::sleep(pause).await;
    }
}
