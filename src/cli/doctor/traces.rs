//! Whether the OTLP collector takes traces.

use std::time::Duration;

use super::finding::Finding;
use crate::config::Telemetry;

const NAME: &str = "traces";

pub(super) async fn check(telemetry: &Telemetry) -> Option<Finding> {
    let endpoint = telemetry.otlp_endpoint.as_deref()?;
    let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().ok()?;
    // An empty body is a valid export of no traces.
    let mut request = client.post(&url).header("content-type", "application/x-protobuf").body(Vec::new());
    for (name, value) in telemetry.headers() {
        request = request.header(name, value);
    }
    Some(match request.send().await {
        Ok(answer) if answer.status().is_success() => Finding::ok(NAME, format!("{endpoint} takes them")),
        Ok(answer) => Finding::warn(
            NAME,
            format!("{url} answered with {}", answer.status()),
            "check telemetry.otlp_endpoint (the base URL, with the port of OTLP over HTTP) and telemetry.otlp_headers",
        ),
        Err(_) => Finding::warn(
            NAME,
            format!("{endpoint} cannot be reached; the hub runs without it and drops its traces"),
            "start the collector, or correct telemetry.otlp_endpoint; OTLP over HTTP usually has port 4318",
        ),
    })
}
