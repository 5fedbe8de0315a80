//! What a value must be besides having the right type.

use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::Config;
use crate::events::types::may_be_custom;

/// A value of the right type that cannot work.
pub(super) struct Fault {
    pub(super) wrong: String,
    pub(super) right: &'static str,
}

/// All values that cannot work, by key.
pub(super) fn faults(config: &Config) -> Vec<(&'static str, Fault)> {
    let mut faults = Vec::new();
    let mut check = |key: &'static str, good: bool, wrong: String, right: &'static str| {
        if !good {
            faults.push((key, Fault { wrong, right }));
        }
    };
    let limits = &config.limits;
    let keep = config.llm.usage_keep;
    check(
        "llm.usage_keep",
        keep.is_zero() || keep >= Duration::from_secs(24 * 60 * 60),
        "usage is asked for by day".into(),
        "1d or more, or 0s to keep it for ever",
    );
    for (key, value, least, right) in [
        ("limits.body_bytes", limits.body_bytes, 1024, "1KiB or more"),
        ("limits.header_bytes", limits.header_bytes, 8192, "8KiB or more"),
        ("limits.headers", limits.headers, 16, "16 or more"),
        ("limits.json_depth", limits.json_depth, 4, "4 or more"),
        ("limits.connections", limits.connections, 1, "1 or more"),
        ("events.ring", config.events.ring, 16, "16 or more"),
        ("mcp.streams", config.mcp.streams, 1, "1 or more"),
        ("mcp.collect_items", config.mcp.collect_items, 1, "1 or more"),
        ("mcp.collect_bytes", config.mcp.collect_bytes, 1024, "1KiB or more"),
        ("outbound.response_bytes", config.outbound.response_bytes, 1024, "1KiB or more"),
        ("llm.body_bytes", config.llm.body_bytes, 1024, "1KiB or more"),
        ("llm.event_bytes", config.llm.event_bytes, 1024, "1KiB or more"),
        ("database.max_connections", config.database.max_connections as usize, 1, "1 or more"),
    ] {
        check(key, value >= least, format!("{value} is too small"), right);
    }
    check("limits.calls_in_flight", limits.calls_in_flight >= 1, "0 lets no call run".into(), "1 or more");
    // serde_json stops at 128 of its own accord; a larger limit would promise what it does not keep.
    let depth = limits.json_depth;
    check("limits.json_depth", depth <= 127, format!("{depth} is too large"), "127 or less");
    for (key, value) in [
        ("limits.header_timeout", limits.header_timeout),
        ("limits.body_timeout", limits.body_timeout),
        ("limits.idle_timeout", limits.idle_timeout),
        ("limits.call_timeout", limits.call_timeout),
        ("limits.subscription_keep_alive", limits.subscription_keep_alive),
        ("limits.write_timeout", limits.write_timeout),
        ("events.poll", config.events.poll),
        ("events.sweep", config.events.sweep),
        ("calls.sweep", config.calls.sweep),
        ("events.patience", config.events.patience),
        ("database.acquire_timeout", config.database.acquire_timeout),
        ("database.connect_timeout", config.database.connect_timeout),
        ("redis.timeout", config.redis.timeout),
        ("mcp.collect_for", config.mcp.collect_for),
        ("rate.patience", config.rate.patience),
        ("outbound.connect_timeout", config.outbound.connect_timeout),
        ("outbound.read_timeout", config.outbound.read_timeout),
        ("outbound.timeout", config.outbound.timeout),
        ("llm.timeout", config.llm.timeout),
        ("llm.idle_timeout", config.llm.idle_timeout),
    ] {
        let good = value >= Duration::from_millis(10);
        check(key, good, "it is too short for anything to succeed".into(), "10ms or more");
    }
    for (key, value, least, right) in [
        ("idempotency.keep", config.idempotency.keep, 60, "1m or more"),
        ("idempotency.lease", config.idempotency.lease, 1, "1s or more"),
    ] {
        let good = value >= Duration::from_secs(least);
        check(key, good, "it is too short for a caller to come back".into(), right);
    }
    let proxies = config.rate.proxies;
    check("rate.proxies", proxies <= 16, format!("{proxies} is too large"), "16 or less");
    let ratio = config.telemetry.sample_ratio;
    let good = (0.0..=1.0).contains(&ratio);
    check("telemetry.sample_ratio", good, format!("{ratio} is not a share"), "a number from 0 to 1");
    let good = config.telemetry.otlp_endpoint.as_deref().is_none_or(is_http_url);
    let right = "for example `https://collector.example.org:4318`";
    check("telemetry.otlp_endpoint", good, "it is not an http or https URL".into(), right);
    if let Some(url) = &config.database.url {
        let schemes = ["sqlite:", "postgres://", "postgresql://"];
        let good = schemes.iter().any(|scheme| url.expose().starts_with(scheme));
        check(
            "database.url",
            good,
            "it names no database that the hub knows".into(),
            "`sqlite://path/to/file.db` or `postgres://user:password@host/database`",
        );
    }
    let heartbeat = config.cluster.heartbeat;
    check(
        "cluster.heartbeat",
        (Duration::from_millis(100)..=Duration::from_secs(600)).contains(&heartbeat),
        "it is too short or too long".into(),
        "100ms to 10m",
    );
    check(
        "redis.prefix",
        config.redis.prefix.len() <= 100,
        "it is too long".into(),
        "100 bytes or less, such as `hub:`",
    );
    for (key, url) in [("redis.url", &config.redis.url), ("redis.pubsub_url", &config.redis.pubsub_url)] {
        if let Some(wrong) = url.as_ref().and_then(|url| crate::bus::fault(url.expose())) {
            check(key, false, wrong, "`redis://user:password@host:6379`, or `rediss://` for TLS");
        }
    }
    if let Some(key) = &config.bootstrap_key {
        check(
            "bootstrap_key",
            is_key(key.expose()),
            "it is not a key".into(),
            "`alk_<id>_<secret>`: an id of 16 to 32 of a-z and 0-9, a secret of 64 hex digits in lower case",
        );
    }
    for pattern in &config.events.custom {
        check(
            "events.custom",
            may_be_custom(pattern),
            format!("`{pattern}` is not a pattern of types that callers may have"),
            "types such as `build.done` or `custom.*`, in a namespace that the hub does not use itself",
        );
    }
    let good = config.server.public_url.as_deref().is_none_or(is_http_url);
    let right = "for example `https://hub.example.org`";
    check("server.public_url", good, "it is not an http or https URL".into(), right);
    for host in &config.mcp.allowed_hosts {
        let good =
            host.parse::<http::uri::Authority>().is_ok_and(|authority| !authority.as_str().contains('@'));
        let right = "a name, with a port or without, for example `hub.example.org`";
        check("mcp.allowed_hosts", good, format!("`{host}` is not a host name"), right);
    }
    for origin in &config.mcp.allowed_origins {
        let right = "scheme, host and port without a path, for example `https://app.example.org`";
        check("mcp.allowed_origins", is_origin(origin), format!("`{origin}` is not an origin"), right);
    }
    for origin in &config.cors.allowed_origins {
        check(
            "cors.allowed_origins",
            origin == "*" || is_origin(origin),
            format!("`{origin}` is not an origin"),
            "scheme, host and port without a path, for example `https://app.example.org`, or `*`",
        );
    }
    if let Err(wrong) = log_filter(&config.log.filter) {
        check(
            "log.filter",
            false,
            wrong,
            "a level (off, error, warn, info, debug, trace) or `info,target=level`",
        );
    }
    faults
}

/// Checks a filter. A bare word that is no level would be taken for a target, and `inof` would silence everything.
pub(super) fn log_filter(filter: &str) -> Result<EnvFilter, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    for part in filter.split(',').map(str::trim) {
        let bare = !part.contains(['=', '[']);
        if bare && !LEVELS.contains(&part.to_ascii_lowercase().as_str()) {
            return Err(format!("`{part}` is not a level"));
        }
    }
    EnvFilter::builder().parse(filter).map_err(|error| format!("`{filter}` cannot be used: {error}"))
}

fn is_http_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

fn is_origin(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| url.has_host() && url.origin().ascii_serialization() == text)
}

fn is_key(text: &str) -> bool {
    let Some((id, secret)) = text.strip_prefix("alk_").and_then(|rest| rest.split_once('_')) else {
        return false;
    };
    (16..=32).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && secret.len() == 64
        && secret.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
