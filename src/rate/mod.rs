//! How often callers may call.
//!
//! Each pair of a limit and a caller has a bucket that fills evenly (GCRA). Processes that share a Redis take from the
//! same buckets there; without one, and while it is away, each has its own.

mod local;
mod quota;

use std::{
    fmt::Write,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use alkhub_core::rate::{RateLimiter, Standing, Taking, Who};
use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use globset::GlobMatcher;

pub use quota::{OperationQuota, Quota};

use self::local::Local;
use crate::{
    bus::{Buckets, Level},
    config,
};

/// A limit that some calls are held to.
struct Rule {
    policy: Arc<str>,
    quota: Quota,
}

/// All limits.
struct Rules {
    key: Option<Arc<Rule>>,
    anonymous: Option<Arc<Rule>>,
    operations: Vec<(GlobMatcher, Arc<Rule>)>,
}

/// Counts calls.
pub struct Limiter {
    rules: ArcSwap<Rules>,
    local: Local,
    shared: Option<Arc<dyn Buckets>>,
}

impl Rules {
    fn new(settings: &config::Rate) -> Self {
        let rule = |policy: &str, quota: Quota| Arc::new(Rule { policy: policy.into(), quota });
        let operations = settings
            .operations
            .iter()
            .filter_map(|limit| Some((limit.matcher()?, rule(limit.pattern(), limit.quota()))));
        Self {
            key: (!settings.key.is_off()).then(|| rule("key", settings.key)),
            anonymous: (!settings.anonymous.is_off()).then(|| rule("address", settings.anonymous)),
            operations: operations.collect(),
        }
    }

    /// The limit that applies: the operation's own, else that of its caller.
    fn rule(&self, who: Who<'_>, what: Taking<'_>) -> Option<&Arc<Rule>> {
        let general = match who {
            Who::Key(_) => self.key.as_ref(),
            Who::Address(_) => self.anonymous.as_ref(),
        };
        match what {
            Taking::Refused => general,
            Taking::Call(operation) => self.own(operation).or(general),
            Taking::Nested(operation) => self.own(operation),
        }
        .filter(|rule| !rule.quota.is_off())
    }

    fn own(&self, operation: &str) -> Option<&Arc<Rule>> {
        self.operations.iter().find(|(pattern, _)| pattern.is_match(operation)).map(|(_, rule)| rule)
    }
}

impl Rule {
    /// The name of a caller's bucket. The quota is a part of it: one that changes begins with full buckets.
    fn bucket(&self, who: Who<'_>) -> String {
        let (policy, calls, window) = (&self.policy, self.quota.calls, self.quota.window.as_secs());
        let mut name = format!("{policy}:{calls}/{window}:");
        // Writing to a string does not fail.
        let _ = match who {
            Who::Key(id) => write!(name, "key:{id}"),
            Who::Address(address) => write!(name, "address:{}", client(address)),
        };
        name
    }

    fn standing(&self, level: Level) -> Standing {
        let Quota { calls, window } = self.quota;
        let retry_in = || (level.empty + self.quota.step()).saturating_sub(self.quota.nanos());
        Standing {
            policy: self.policy.clone(),
            quota: calls,
            window: window.as_secs(),
            remaining: self.quota.left(level.empty),
            reset: seconds(level.empty),
            retry_after: (!level.taken)
                .then(|| u32::try_from(seconds(retry_in())).unwrap_or(u32::MAX).max(1)),
        }
    }
}

impl Limiter {
    /// A limiter of these settings, over buckets that others share, where there are any.
    #[must_use]
    pub fn new(settings: &config::Rate, shared: Option<Arc<dyn Buckets>>) -> Self {
        Self { rules: ArcSwap::from_pointee(Rules::new(settings)), local: Local::default(), shared }
    }

    /// Other limits, for calls from now on.
    pub fn set(&self, settings: &config::Rate) {
        self.rules.store(Arc::new(Rules::new(settings)));
    }

    async fn stand(&self, rule: &Rule, who: Who<'_>) -> Standing {
        let name = rule.bucket(who);
        let shared = match &self.shared {
            Some(shared) => shared.take(&name, rule.quota.step(), rule.quota.nanos()).await,
            None => None,
        };
        rule.standing(shared.unwrap_or_else(|| self.local.take(&name, rule.quota)))
    }
}

impl RateLimiter for Limiter {
    fn take<'a>(&'a self, who: Who<'a>, what: Taking<'a>) -> Option<BoxFuture<'a, Standing>> {
        let rule = self.rules.load().rule(who, what)?.clone();
        Some(Box::pin(async move { self.stand(&rule, who).await }))
    }
}

/// Whole seconds, rounded up: who waits so long has waited long enough.
fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000_000)
}

/// One client has as many addresses of IPv6 as it likes, but they begin alike.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mut parts = address.segments();
            parts[4..].fill(0);
            IpAddr::V6(Ipv6Addr::from(parts))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn limiter(key: &str, operations: &[&str]) -> Limiter {
        let settings = config::Rate {
            key: Quota::parse(key).expect("a rate"),
            anonymous: Quota::parse("2/1h").expect("a rate"),
            operations: operations.iter().map(|text| OperationQuota::parse(text).expect("a rate")).collect(),
            ..Default::default()
        };
        Limiter::new(&settings, None)
    }

    fn let_in(limiter: &Limiter, who: Who<'_>, what: Taking<'_>) -> Option<bool> {
        let standing = limiter.take(who, what)?.now_or_never().expect("nobody else is asked");
        Some(standing.retry_after.is_none())
    }

    #[test]
    fn other_limits_count_at_once_and_begin_anew() {
        let limiter = limiter("1/1h", &[]);
        let take = || let_in(&limiter, Who::Key("a"), Taking::Call("hub.info"));
        assert_eq!((take(), take()), (Some(true), Some(false)));
        limiter.set(&config::Rate { key: Quota::parse("2/1h").expect("a rate"), ..Default::default() });
        assert_eq!((take(), take(), take()), (Some(true), Some(true), Some(false)));
        limiter.set(&config::Rate::default());
        assert_eq!(take(), None);
    }

    #[test]
    fn each_caller_has_a_quota_and_operations_have_their_own() {
        let limiter = limiter("2/1h", &["project.create=1/1h", "hub.*=off"]);
        let (a, b) = (Who::Key("a"), Who::Key("b"));
        for _ in 0..2 {
            assert_eq!(let_in(&limiter, a, Taking::Call("project.list")), Some(true));
        }
        assert_eq!(let_in(&limiter, a, Taking::Call("project.get")), Some(false));
        assert_eq!(let_in(&limiter, b, Taking::Call("project.get")), Some(true));
        assert_eq!(let_in(&limiter, a, Taking::Nested("project.create")), Some(true));
        assert_eq!(let_in(&limiter, a, Taking::Call("project.create")), Some(false));
        assert_eq!(let_in(&limiter, a, Taking::Nested("project.get")), None);
        assert_eq!(let_in(&limiter, a, Taking::Call("hub.info")), None);
    }

    #[test]
    fn an_address_is_a_client_and_so_is_a_network_of_version_six() {
        let limiter = limiter("off", &[]);
        let from = |text: &str| Who::Address(text.parse().expect("an address"));
        for address in ["2001:db8::1", "2001:db8::ffff:1"] {
            assert_eq!(let_in(&limiter, from(address), Taking::Refused), Some(true));
        }
        assert_eq!(let_in(&limiter, from("2001:db8::2"), Taking::Call("hub.info")), Some(false));
        assert_eq!(let_in(&limiter, from("2001:db8:0:1::2"), Taking::Call("hub.info")), Some(true));
        assert_eq!(let_in(&limiter, Who::Key("a"), Taking::Call("hub.info")), None);
    }
}
