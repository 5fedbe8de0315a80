//! Where a request that a user can cause may go: to the public internet, and to what the operator allows.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use alkhub_core::{CallError, error::codes};
use arc_swap::ArcSwap;
use ipnet::IpNet;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use serde_json::json;
use url::Host;

use super::address::is_public;

/// A destination beyond the public internet that the operator allows: `10.1.0.0/16`, `127.0.0.1:11434`,
/// `search.internal`, `*.corp.example:443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    place: Place,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Net(IpNet),
    Name(String),
    /// All names below this one, which begins with a dot.
    Below(String),
}

impl FromStr for Allowed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let net = |text: &str| {
            let text = text.trim_start_matches('[').trim_end_matches(']');
            text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        };
        if let Some(net) = net(text) {
            return Ok(Self { place: Place::Net(net), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| ())?)),
            None => (text, None),
        };
        if let Some(net) = net(host) {
            return Ok(Self { place: Place::Net(net), port });
        }
        let host = host.to_ascii_lowercase();
        let place = match host.strip_prefix('*') {
            Some(below) if below.starts_with('.') && below.len() > 1 => Place::Below(below.to_owned()),
            Some(_) => return Err(()),
            None => Place::Name(host),
        };
        let (Place::Name(name) | Place::Below(name)) = &place else { return Err(()) };
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > 253 || !name.bytes().all(good) {
            return Err(());
        }
        Ok(Self { place, port })
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, self.port) {
            (Place::Net(net), port) => {
                let whole = net.prefix_len() == net.max_prefix_len();
                let text = if whole { net.addr().to_string() } else { net.to_string() };
                match port {
                    Some(port) if net.addr().is_ipv6() => write!(f, "[{text}]:{port}"),
                    Some(port) => write!(f, "{text}:{port}"),
                    None => f.write_str(&text),
                }
            }
            (Place::Name(name), Some(port)) => write!(f, "{name}:{port}"),
            (Place::Name(name), None) => f.write_str(name),
            (Place::Below(name), Some(port)) => write!(f, "*{name}:{port}"),
            (Place::Below(name), None) => write!(f, "*{name}"),
        }
    }
}

/// Decides where requests may go. Cheap to clone.
///
/// A URL is judged before it is asked for, and what a name resolves to is judged again where the connection is made, so
/// that an answer which changes in between gains nothing.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// What the operator allows, the same for all that are made of one.
    allowed: Arc<ArcSwap<Vec<Allowed>>>,
    /// What this one allows besides.
    own: Arc<[Allowed]>,
}

impl Guard {
    /// Allows these beyond the public internet.
    #[must_use]
    pub fn new(allowed: &[Allowed]) -> Self {
        Self { allowed: Arc::new(ArcSwap::from_pointee(allowed.to_vec())), own: Arc::default() }
    }

    /// Allows these instead, from now on: also by guards that were made of this one, or that this one was made of.
    pub fn set(&self, allowed: &[Allowed]) {
        self.allowed.store(Arc::new(allowed.to_vec()));
    }

    /// The same, and these.
    #[must_use]
    pub fn with(&self, own: impl IntoIterator<Item = Allowed>) -> Self {
        let own = self.own.iter().cloned().chain(own).collect();
        Self { allowed: self.allowed.clone(), own }
    }

    /// The same, and all of this machine's own addresses.
    #[must_use]
    pub fn with_loopback(&self) -> Self {
        self.with(["127.0.0.0/8", "::1", "localhost"].into_iter().filter_map(|text| text.parse().ok()))
    }

    /// Whether any of what is allowed is like this.
    fn any(&self, fits: impl Fn(&Allowed) -> bool) -> bool {
        self.allowed.load().iter().any(&fits) || self.own.iter().any(&fits)
    }

    /// Judges a URL: http or https, no credentials inside, and no address in its place that may not be reached.
    ///
    /// # Errors
    /// OUTBOUND_REFUSED.
    pub fn check(&self, url: &Url) -> Result<(), CallError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unfit(url, "only http and https can be called"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unfit(url, "a user name or password must not stand in a URL"));
        }
        let port = url.port_or_known_default();
        let address = match url.host() {
            Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
            Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
            // What it resolves to is judged where it is resolved; a name that is allowed on some ports alone, here.
            Some(Host::Domain(name)) => {
                let name = tidy(name);
                let here = |allowed: &Allowed| allowed.port.is_none() || allowed.port == port;
                if self.any(|allowed| allowed.names(&name))
                    && !self.any(|allowed| allowed.names(&name) && here(allowed))
                {
                    return Err(refused(url, "this host is allowed on other ports only"));
                }
                return Ok(());
            }
            None => return Err(unfit(url, "it names no host")),
        };
        let allowed = |allowed: &Allowed| {
            matches!(&allowed.place, Place::Net(net) if net.contains(&address))
                && (allowed.port.is_none() || allowed.port == port)
        };
        if is_public(address) || self.any(allowed) {
            return Ok(());
        }
        Err(refused(url, "it is an address of a private network"))
    }

    /// Whether a connection to this name may go to this address. What is allowed of an address on one port alone does
    /// not count here: anybody can make a name that resolves to it.
    fn permits(&self, name: &str, address: IpAddr) -> bool {
        is_public(address)
            || self.any(|allowed| match &allowed.place {
                Place::Net(net) => allowed.port.is_none() && net.contains(&address),
                _ => allowed.names(name),
            })
    }
}

impl Allowed {
    fn names(&self, name: &str) -> bool {
        match &self.place {
            Place::Net(_) => false,
            Place::Name(own) => own == name,
            Place::Below(below) => name.ends_with(below.as_str()),
        }
    }
}

/// A name as it is compared: `Example.org.` is `example.org`.
fn tidy(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn refused(url: &Url, why: &str) -> CallError {
    let host = url.host_str().unwrap_or_default();
    let message =
        format!("The hub does not call {host:?}: {why}. The operator can allow it with `outbound.allow`.");
    CallError::new(codes::OUTBOUND_REFUSED, message).with_details(json!({ "host": host, "reason": why }))
}

/// A URL that no operator can allow. It may hold a password, so that it is not given back.
fn unfit(url: &Url, why: &str) -> CallError {
    let (host, scheme) = (url.host_str().unwrap_or_default(), url.scheme());
    let message = format!("The hub does not call this `{scheme}:` URL: {why}.");
    CallError::new(codes::OUTBOUND_REFUSED, message).with_details(json!({ "host": host, "reason": why }))
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = tidy(name.as_str());
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let some = !found.is_empty();
            let kept: Vec<_> =
                found.into_iter().filter(|address| guard.permits(&host, address.ip())).collect();
            if some && kept.is_empty() {
                return Err(Box::new(Private(host)) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

/// A name that leads into a private network.
#[derive(Debug, thiserror::Error)]
#[error("{0} leads to an address of a private network")]
pub(super) struct Private(pub(super) String);

impl Private {
    pub(super) fn refusal(&self) -> CallError {
        let why = "its name leads to an address of a private network";
        let mut error = CallError::new(
            codes::OUTBOUND_REFUSED,
            format!(
                "The hub does not call {:?}: {why}. The operator can allow it with `outbound.allow`.",
                self.0
            ),
        );
        error.details = Some(json!({ "host": self.0, "reason": why }));
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str]) -> Guard {
        let allowed: Vec<_> = allowed.iter().map(|text| text.parse().expect(text)).collect();
        Guard::new(&allowed)
    }

    fn passes(guard: &Guard, url: &str) -> bool {
        guard.check(&Url::parse(url).expect(url)).is_ok()
    }

    #[test]
    fn private_places_are_refused_however_they_are_written() {
        let guard = Guard::default();
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://169.254.169.254/latest",
            "http://user:secret@example.org/",
            "http://user@example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "http://0/",
        ] {
            assert!(!passes(&guard, url), "{url}");
        }
        assert!(passes(&guard, "https://example.org/a?b"));
        assert!(passes(&guard, "http://93.184.216.34:8080/"));
    }

    #[test]
    fn what_is_allowed_is_allowed_on_its_port_alone() {
        let guard = guard(&["127.0.0.1:11434", "10.1.0.0/16", "search.internal", "*.corp.example:8443"]);
        assert!(passes(&guard, "http://127.0.0.1:11434/v1"));
        assert!(!passes(&guard, "http://127.0.0.1:6379/"));
        assert!(passes(&guard, "http://10.1.2.3/"));
        assert!(!passes(&guard, "http://10.2.0.1/"));
        assert!(passes(&guard, "https://a.corp.example:8443/"));
        assert!(!passes(&guard, "https://a.corp.example/"));
        let local: IpAddr = "127.0.0.1".parse().expect("an address");
        assert!(!guard.permits("rebinding.example", local));
        assert!(guard.permits("search.internal", local));
        assert!(guard.permits("rebinding.example", "10.1.9.9".parse().expect("an address")));
    }

    #[test]
    fn what_is_allowed_can_change() {
        let first = guard(&["10.1.0.0/16"]);
        let other = first.with_loopback();
        assert!(passes(&other, "http://10.1.2.3/") && passes(&other, "http://127.0.0.1/"));
        first.set(&["10.2.0.0/16".parse().expect("a network")]);
        for guard in [&first, &other] {
            assert!(!passes(guard, "http://10.1.2.3/") && passes(guard, "http://10.2.3.4/"));
        }
        assert!(passes(&other, "http://127.0.0.1/") && !passes(&first, "http://127.0.0.1/"));
    }

    #[test]
    fn what_is_allowed_reads_as_it_is_shown() {
        for text in
            ["10.0.0.0/8", "127.0.0.1:80", "[::1]:80", "::1", "a.example", "*.b.example:1", "localhost:8080"]
        {
            assert_eq!(text.parse::<Allowed>().expect(text).to_string(), text);
        }
        for text in ["", "*", "*x", "http://a", "a b", "a:port", ":80", "a:99999"] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}
