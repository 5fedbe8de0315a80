//! What `/metrics` tells of events.

use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, core::Collector};

use super::lag::Lag;

/// Counters of this process.
#[derive(Clone)]
pub struct Signs {
    /// Events that are committed and have no number yet.
    pub(super) backlog: IntGauge,
    /// Age of the oldest of them.
    pub(super) relay_lag: Gauge,
    /// Events that this process has numbered.
    pub(super) sequenced: IntCounter,
    /// Times that the relay or the tail failed.
    pub(super) failures: IntCounter,
    /// The last number that this process has given to its readers.
    pub(super) sequence: IntGauge,
    /// Open readers.
    pub(super) readers: IntGauge,
    /// How far they are behind.
    pub(super) lag: Lag,
    /// Seconds from the appending of an event until a reader is handed it.
    pub(super) delivery: Histogram,
    /// Times that a reader went to the database for what it had missed.
    pub(super) caught_up: IntCounter,
    /// Readers that were ended because they did not read.
    pub(super) behind: IntCounter,
    /// Events that retention has deleted.
    pub(super) deleted: IntCounter,
}

impl Signs {
    /// All at zero.
    ///
    /// # Errors
    /// Only where a name is not one, which is a fault of the program.
    pub fn new() -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, about: &str| IntGauge::new(name, about);
        let counter = |name: &str, about: &str| IntCounter::new(name, about);
        Ok(Self {
            backlog: gauge("alkhub_events_backlog", "Events that are committed and wait to be numbered.")?,
            relay_lag: Gauge::new(
                "alkhub_events_relay_lag_seconds",
                "For how long the oldest of them has waited.",
            )?,
            sequenced: counter("alkhub_events_total", "Events that this process has numbered.")?,
            failures: counter("alkhub_events_relay_failures_total", "Times that the relay could not work.")?,
            sequence: gauge(
                "alkhub_events_sequence",
                "Number of the last event that this process has read.",
            )?,
            readers: gauge("alkhub_event_readers", "Open readers of events.")?,
            lag: Lag::new()?,
            delivery: Histogram::with_opts(
                HistogramOpts::new(
                    "alkhub_event_delivery_seconds",
                    "From the appending of an event until a reader that was there by then is handed it.",
                )
                .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]),
            )?,
            caught_up: counter(
                "alkhub_event_readers_caught_up_total",
                "Times that a reader went to the database for what it had missed.",
            )?,
            behind: counter("alkhub_event_readers_ended_total", "Readers ended because they did not read.")?,
            deleted: counter(
                "alkhub_events_deleted_total",
                "Events that this process has deleted as too old.",
            )?,
        })
    }

    /// All of them, to be registered.
    #[must_use]
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.backlog.clone()),
            Box::new(self.relay_lag.clone()),
            Box::new(self.sequenced.clone()),
            Box::new(self.failures.clone()),
            Box::new(self.sequence.clone()),
            Box::new(self.readers.clone()),
            Box::new(self.lag.clone()),
            Box::new(self.delivery.clone()),
            Box::new(self.caught_up.clone()),
            Box::new(self.behind.clone()),
            Box::new(self.deleted.clone()),
        ]
    }
}
