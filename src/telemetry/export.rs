//! Sends finished spans to an OTLP collector, in batches, from a thread of its own.
//!
//! The collector is a convenience: whether it is slow, down or wrong, the hub answers as before, spans over the queue's
//! bound are dropped, and the log says once that export fails and once that it works again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tokio::runtime::Runtime;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Telemetry;

/// Longest time of one export, and of the last one at the end.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// A running export.
pub(super) struct Pipeline {
    provider: SdkTracerProvider,
    runtime: Option<Runtime>,
}

impl Pipeline {
    /// Starts the export, if an endpoint is configured.
    pub(super) fn start(telemetry: &Telemetry) -> Result<Option<Self>, String> {
        let Some(endpoint) = &telemetry.otlp_endpoint else { return Ok(None) };
        // The batch processor's thread knows no runtime, and the hub's own one may be gone when the last batch leaves.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("otlp-export")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let client =
            reqwest::Client::builder().timeout(EXPORT_TIMEOUT).build().map_err(|error| error.to_string())?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(EXPORT_TIMEOUT)
            .with_headers(telemetry.headers().collect())
            .with_http_client(Client { client, runtime: runtime.handle().clone(), failing: Arc::default() })
            .build()
            .map_err(|error| error.to_string())?;
        let batches =
            BatchConfigBuilder::default().with_max_queue_size(4096).with_max_export_batch_size(512).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(telemetry.sample_ratio))))
            .with_resource(
                Resource::builder()
                    .with_service_name(telemetry.service_name.clone())
                    .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
                    .build(),
            )
            .build();
        Ok(Some(Self { provider, runtime: Some(runtime) }))
    }

    /// The layer that turns the hub's own spans into exported ones.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        // Only our spans: those of the HTTP client would make every export beget another one.
        let ours = FilterFn::new(|metadata| {
            metadata.target().starts_with("alkhub") && *metadata.level() <= Level::INFO
        });
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("alkhub"))
            .with_filter(ours.with_max_level_hint(Level::INFO))
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // A collector that is gone is no reason to hold up the end, nor to report it a second time.
        let _unsent = self.provider.shutdown_with_timeout(FLUSH_TIMEOUT);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Carries requests onto the runtime, and watches how they fare.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    runtime: tokio::runtime::Handle,
    failing: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { client.send_bytes(request).await });
        let answer = sent.await.map_err(HttpError::from).flatten();
        let fault = match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answered {}", answer.status())),
            Err(error) => Some(error.to_string()),
        };
        match fault {
            Some(fault) if !self.failing.swap(true, Ordering::Relaxed) => {
                tracing::warn!(
                    fault,
                    "traces cannot be exported and are dropped until the collector answers"
                );
            }
            None if self.failing.swap(false, Ordering::Relaxed) => {
                tracing::info!("traces are exported again")
            }
            _ => {}
        }
        answer
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
