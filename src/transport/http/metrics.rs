//! Prometheus metrics of calls, requests and the process.

use std::time::Duration;

use alkhub_core::{
    Call, CallError,
    engine::{Observer, Outcome},
    rate::Notes,
};
use poem::{Endpoint, Request, Response, http::StatusCode};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
    core::Collector,
};
use uuid::Uuid;

use super::{HttpState, auth, endpoint::refused, front::RequestId, problem, told};

/// Scope that `/metrics` asks for unless the configuration makes it public.
const SCOPE: &str = "metrics:read";

/// The hub's counters; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    calls: IntCounterVec,
    seconds: HistogramVec,
    running: IntGauge,
    requests: IntCounterVec,
    /// The one of `requests` that is counted most, which need not be looked up.
    ok: IntCounter,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// Only where two metrics have one name, which is a fault of the program.
    pub fn new() -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new("alkhub_http_responses_total", "HTTP answers by status."),
            &["status"],
        )?;
        let metrics = Self {
            registry: Registry::new(),
            calls: IntCounterVec::new(
                Opts::new("alkhub_calls_total", "Ended calls by operation and code (ok, or the error's)."),
                &["operation", "code"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("alkhub_call_seconds", "Running time of calls.")
                    .buckets(vec![0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0]),
                &["operation"],
            )?,
            running: IntGauge::new("alkhub_calls_running", "Calls that run now.")?,
            ok: requests.with_label_values(&[StatusCode::OK.as_str()]),
            requests,
        };
        metrics.registry.register(Box::new(metrics.calls.clone()))?;
        metrics.registry.register(Box::new(metrics.seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.running.clone()))?;
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        Ok(metrics)
    }

    /// Takes in what another part of the hub counts.
    ///
    /// # Errors
    /// Only where two metrics have one name, which is a fault of the program.
    pub fn include(&self, collectors: Vec<Box<dyn Collector>>) -> Result<(), prometheus::Error> {
        collectors.into_iter().try_for_each(|collector| self.registry.register(collector))
    }

    /// Counts an HTTP answer.
    pub fn request(&self, status: StatusCode) {
        match status {
            StatusCode::OK => self.ok.inc(),
            other => self.requests.with_label_values(&[other.as_str()]).inc(),
        }
    }

    fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

impl Observer for Metrics {
    fn started(&self, _call: &Call) {
        self.running.inc();
    }

    fn ended(&self, call: &Call, outcome: Outcome<'_>, elapsed: Duration) {
        self.running.dec();
        self.calls.with_label_values(&[call.operation_id(), outcome.code()]).inc();
        self.seconds.with_label_values(&[call.operation_id()]).observe(elapsed.as_secs_f64());
    }
}

/// The page that Prometheus reads.
pub(super) struct Page(pub HttpState);

impl Page {
    async fn serve(&self, request: &Request) -> Result<Response, CallError> {
        if !self.0.config.load().metrics.public {
            let caller = auth::identify(request.headers(), &self.0.keys).await?;
            let demand =
                alkhub_core::AccessControl { required_scopes: vec![SCOPE.to_owned()], ..Default::default() };
            demand.check("/metrics", caller.as_deref())?;
        }
        let text = self.0.metrics.text().map_err(|error| CallError::internal(&error))?;
        Ok(Response::builder().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
    }
}

impl Endpoint for Page {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = request.extensions().get::<RequestId>().map_or_else(Uuid::now_v7, |id| id.0);
        let error = match self.serve(&request).await {
            Ok(page) => return Ok(page),
            Err(error) => error,
        };
        let notes = Notes::default();
        let origin = told::origin(&request, self.0.config.load().rate.proxies);
        let mut response = problem::response(&refused(&self.0.engine, error, origin, &notes).await, id);
        told::apply(&mut response, &notes);
        Ok(response)
    }
}
