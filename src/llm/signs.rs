//! Metrics of requests to models.

use prometheus::{
    CounterVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, core::Collector,
};

/// Counters and times, by provider and model.
#[derive(Clone)]
pub(super) struct Signs {
    pub(super) requests: IntCounterVec,
    pub(super) seconds: HistogramVec,
    pub(super) first_token: HistogramVec,
    pub(super) tokens: IntCounterVec,
    pub(super) cost: CounterVec,
    pub(super) fallbacks: IntCounterVec,
    pub(super) failures: IntCounterVec,
    pub(super) resting: IntGaugeVec,
    pub(super) cached: IntCounterVec,
}

const BUCKETS: [f64; 14] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

impl Signs {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let counter =
            |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let histogram = |name: &str, help: &str| {
            HistogramVec::new(
                HistogramOpts::new(name, help).buckets(BUCKETS.to_vec()),
                &["provider", "model"],
            )
        };
        Ok(Self {
            requests: counter(
                "alkhub_llm_requests_total",
                "Requests to models by how they ended.",
                &["provider", "model", "status"],
            )?,
            seconds: histogram("alkhub_llm_seconds", "Time of requests to models.")?,
            first_token: histogram(
                "alkhub_llm_first_token_seconds",
                "Time until the first token of a stream.",
            )?,
            tokens: counter(
                "alkhub_llm_tokens_total",
                "Tokens by kind: input, cached, output, reasoning.",
                &["provider", "model", "kind"],
            )?,
            cost: CounterVec::new(
                Opts::new("alkhub_llm_cost_usd_total", "US dollars."),
                &["provider", "model"],
            )?,
            fallbacks: counter(
                "alkhub_llm_fallbacks_total",
                "Requests that went on to another provider after this one.",
                &["provider"],
            )?,
            failures: counter(
                "alkhub_llm_upstream_failures_total",
                "Attempts that failed, by HTTP status or cause.",
                &["provider", "cause"],
            )?,
            resting: IntGaugeVec::new(
                Opts::new("alkhub_llm_keys_resting", "Keys that are not used for the moment."),
                &["provider"],
            )?,
            cached: counter("alkhub_llm_cached_total", "Answers from the cache.", &["dialect"])?,
        })
    }

    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.requests.clone()),
            Box::new(self.seconds.clone()),
            Box::new(self.first_token.clone()),
            Box::new(self.tokens.clone()),
            Box::new(self.cost.clone()),
            Box::new(self.fallbacks.clone()),
            Box::new(self.failures.clone()),
            Box::new(self.resting.clone()),
            Box::new(self.cached.clone()),
        ]
    }
}
