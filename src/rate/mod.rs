//! How often callers may call, counted in this process.
//!
//! Each pair of a limit and a caller has a bucket that fills evenly (GCRA): of it only the moment is kept at which it
//! will be full. Buckets live in a cache of bounded size; one that was dropped begins full.

mod quota;

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use alkhub_core::rate::{RateLimiter, Standing, Taking, Who};
use async_trait::async_trait;
use globset::GlobMatcher;
use quick_cache::sync::Cache;

pub use quota::{OperationQuota, Quota};

use crate::config;

/// Most buckets, about 100 bytes each.
const BUCKETS: usize = 100_000;

/// A limit that some calls are held to.
struct Rule {
    policy: Arc<str>,
    quota: Quota,
}

/// Counts calls in memory.
pub struct Limiter {
    key: Option<Rule>,
    anonymous: Option<Rule>,
    operations: Vec<(GlobMatcher, Rule)>,
    buckets: Cache<u64, Arc<AtomicU64>>,
    hasher: RandomState,
    started: Instant,
}

impl Limiter {
    /// A limiter of these settings; `None` where they limit nothing.
    #[must_use]
    pub fn new(settings: &config::Rate) -> Option<Self> {
        let rule =
            |policy: &str, quota: Quota| (!quota.is_off()).then(|| Rule { policy: policy.into(), quota });
        let operations = settings.operations.iter().filter_map(|limit| {
            let quota = Rule { policy: limit.pattern().into(), quota: limit.quota() };
            Some((limit.matcher()?, quota))
        });
        let limiter = Self {
            key: rule("key", settings.key),
            anonymous: rule("address", settings.anonymous),
            operations: operations.collect(),
            buckets: Cache::new(BUCKETS),
            hasher: RandomState::new(),
            started: Instant::now(),
        };
        let limits = limiter.key.is_some() || limiter.anonymous.is_some() || !limiter.operations.is_empty();
        limits.then_some(limiter)
    }

    /// The limit that applies: the operation's own, else that of its caller.
    fn rule(&self, who: Who<'_>, what: Taking<'_>) -> Option<&Rule> {
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

    fn own(&self, operation: &str) -> Option<&Rule> {
        self.operations.iter().find(|(pattern, _)| pattern.is_match(operation)).map(|(_, rule)| rule)
    }

    fn bucket(&self, rule: &Rule, who: Who<'_>) -> Arc<AtomicU64> {
        // Seeded at random, so that nobody can look for two callers of one bucket.
        let bucket = match who {
            Who::Key(id) => self.hasher.hash_one((&rule.policy, "key", id)),
            Who::Address(address) => self.hasher.hash_one((&rule.policy, "address", client(address))),
        };
        let made =
            self.buckets.get_or_insert_with(&bucket, || Ok::<_, std::convert::Infallible>(Arc::default()));
        match made {
            Ok(bucket) => bucket,
            Err(never) => match never {},
        }
    }

    fn stand(&self, rule: &Rule, who: Who<'_>) -> Standing {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let bucket = self.bucket(rule, who);
        let (mut full_at, mut retry_at) = (0, None);
        // Nothing else is published by this number, so it needs no order with other memory.
        let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |known| {
            let taken = rule.quota.take(known, now);
            (full_at, retry_at) = (taken.full_at, taken.retry_at);
            retry_at.is_none().then_some(full_at)
        });
        Standing {
            policy: rule.policy.clone(),
            quota: rule.quota.calls,
            window: rule.quota.window.as_secs(),
            remaining: rule.quota.left(full_at, now),
            reset: seconds(full_at.saturating_sub(now)),
            retry_after: retry_at.map(|at| u32::try_from(seconds(at - now)).unwrap_or(u32::MAX).max(1)),
        }
    }
}

#[async_trait]
impl RateLimiter for Limiter {
    async fn take(&self, who: Who<'_>, what: Taking<'_>) -> Option<Standing> {
        self.rule(who, what).map(|rule| self.stand(rule, who))
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
    use super::*;

    fn limiter(key: &str, operations: &[&str]) -> Limiter {
        let settings = config::Rate {
            key: Quota::parse(key).expect("a rate"),
            anonymous: Quota::parse("2/1h").expect("a rate"),
            operations: operations.iter().map(|text| OperationQuota::parse(text).expect("a rate")).collect(),
            ..Default::default()
        };
        Limiter::new(&settings).expect("limits")
    }

    fn let_in(limiter: &Limiter, who: Who<'_>, what: Taking<'_>) -> Option<bool> {
        limiter.rule(who, what).map(|rule| limiter.stand(rule, who).retry_after.is_none())
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
