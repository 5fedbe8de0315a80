//! Metrics of the call graph.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, core::Collector};

/// Counters and times.
#[derive(Clone)]
pub(super) struct Signs {
    /// Calls that were written, and that were not, by `outcome`.
    pub(super) records: IntCounterVec,
    /// Calls that wait to be written.
    pub(super) waiting: IntGauge,
    /// Time of one batch.
    pub(super) seconds: Histogram,
}

const BUCKETS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0];

impl Signs {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let records = Opts::new(
            "alkhub_calls_recorded_total",
            "Calls by what became of their record: written, dropped because the database is slower than the calls, refused by it.",
        );
        let seconds = HistogramOpts::new("alkhub_calls_batch_seconds", "Time of writing a batch of calls.");
        Ok(Self {
            records: IntCounterVec::new(records, &["outcome"])?,
            waiting: IntGauge::new("alkhub_calls_waiting", "Ended calls that wait to be written.")?,
            seconds: Histogram::with_opts(seconds.buckets(BUCKETS.to_vec()))?,
        })
    }

    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![Box::new(self.records.clone()), Box::new(self.waiting.clone()), Box::new(self.seconds.clone())]
    }
}
