//! Whether a request may come from where it comes: against web pages of others, and names that were bent to
//! this machine (DNS rebinding).

use std::net::IpAddr;

use alkhub_core::{CallError, error::codes};
use http::{
    HeaderMap, Uri,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use crate::config::Config;

/// Names and origins that are let in.
pub(super) struct Guard {
    hosts: Vec<Authority>,
    origins: Vec<String>,
}

impl Guard {
    pub(super) fn new(config: &Config) -> Self {
        let public = config.server.public_url.as_deref().and_then(|url| reqwest::Url::parse(url).ok());
        let named = config.mcp.allowed_hosts.iter().filter_map(|host| host.parse().ok());
        let own = public.as_ref().and_then(|url| url.host_str()?.parse().ok());
        let origins = config.mcp.allowed_origins.iter().cloned();
        let own_origin = public.as_ref().map(|url| url.origin().ascii_serialization());
        Self { hosts: named.chain(own).collect(), origins: origins.chain(own_origin).collect() }
    }

    /// Refuses what neither the hub's own names nor the configuration know; `pages` are the origins of
    /// `cors.allowed_origins`, which may change.
    ///
    /// # Errors
    /// ACCESS_DENIED, that names what would let it in.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap, pages: &[String]) -> Result<(), CallError> {
        let host = match headers.get(HOST) {
            Some(value) => value.to_str().ok().and_then(|text| text.parse::<Authority>().ok()),
            None => uri.authority().cloned(),
        };
        let host =
            host.ok_or_else(|| CallError::bad_request("The request says no host that can be read."))?;
        if !self.knows(&host) {
            return Err(refused(format!(
                "The hub is not known by the name {host}; `server.public_url` or `mcp.allowed_hosts` of its configuration may say otherwise."
            )));
        }
        let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        if pages.iter().any(|known| known == "*" || known == origin) || self.lets_in(origin) {
            return Ok(());
        }
        Err(refused(format!(
            "Pages of the origin {origin:?} may not use MCP here; `mcp.allowed_origins` of the hub's configuration may say otherwise."
        )))
    }

    /// A name that was bent to this machine is a name; an address cannot be bent.
    fn knows(&self, host: &Authority) -> bool {
        is_address(host.host())
            || is_localhost(host.host())
            || self.hosts.iter().any(|known| {
                known.host().eq_ignore_ascii_case(host.host())
                    && known.port_u16().is_none_or(|port| host.port_u16() == Some(port))
            })
    }

    fn lets_in(&self, origin: &str) -> bool {
        if self.origins.iter().any(|known| known == origin) {
            return true;
        }
        let Ok(url) = reqwest::Url::parse(origin) else { return false };
        let host = url.host_str().unwrap_or_default();
        matches!(url.scheme(), "http" | "https")
            && (is_localhost(host) || address(host).is_some_and(|ip| ip.is_loopback()))
    }
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_address(host: &str) -> bool {
    address(host).is_some()
}

fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

fn refused(message: String) -> CallError {
    CallError::new(codes::ACCESS_DENIED, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let mut config = Config::default();
        config.server.public_url = Some("https://hub.example.org/".to_owned());
        config.mcp.allowed_hosts = vec!["other.example.org:8443".to_owned()];
        config.mcp.allowed_origins = vec!["https://app.example.org".to_owned()];
        Guard::new(&config)
    }

    fn check(host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a value"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().expect("a value"));
        }
        guard().check(&Uri::from_static("/mcp"), &headers, &[]).is_ok()
    }

    #[test]
    fn names_are_known_or_refused() {
        for host in [
            "localhost:8080",
            "127.0.0.1",
            "[::1]:80",
            "192.168.1.5:8080",
            "HUB.example.org",
            "hub.example.org:443",
            "other.example.org:8443",
            "a.localhost",
        ] {
            assert!(check(host, None), "{host}");
        }
        for host in [
            "evil.example",
            "hub.example.org.evil.example",
            "other.example.org",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "a b",
        ] {
            assert!(!check(host, None), "{host}");
        }
    }

    #[test]
    fn origins_are_known_or_refused() {
        for origin in [
            "http://localhost:6274",
            "http://127.0.0.1:1",
            "http://[::1]:5",
            "https://hub.example.org",
            "https://app.example.org",
        ] {
            assert!(check("localhost", Some(origin)), "{origin}");
        }
        for origin in [
            "null",
            "",
            "https://evil.example",
            "http://app.example.org",
            "https://app.example.org:8443",
            "http://192.168.1.5",
            "file://localhost",
            "http://localhost.evil.example",
        ] {
            assert!(!check("localhost", Some(origin)), "{origin}");
        }
    }
}
