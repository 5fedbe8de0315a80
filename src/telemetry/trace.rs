//! Joins spans with the W3C trace context of requests.

use alkhub_core::trace::TraceContext;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes a span the child of the remote span that a request names. Without an exporter it does nothing.
pub fn adopt(span: &Span, remote: &TraceContext) {
    let flags = if remote.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let parent = SpanContext::new(
        TraceId::from(remote.trace_id),
        SpanId::from(remote.span_id),
        flags,
        true,
        TraceState::default(),
    );
    // It fails where no exporter is configured, which is nobody's fault.
    let _unexported = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
}

/// The position of a span in its trace, to be passed on; `None` without an exporter.
#[must_use]
pub fn current(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| TraceContext {
        trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(context.span_id().to_bytes()),
        sampled: context.is_sampled(),
    })
}

/// Says more of a span: a text, or a number. Without an exporter it does nothing.
pub fn mark(span: &Span, name: &'static str, value: impl Into<opentelemetry::Value>) {
    span.set_attribute(name, value);
}
