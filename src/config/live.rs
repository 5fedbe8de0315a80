//! The configuration in force, parts of which may change while the hub runs.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

use super::{
    Config, Shown,
    keys::{self, Key},
};

/// Keys and sections whose change counts from then on. What is not here is set up once, at the start.
const LIVE: &[&str] = &[
    "redis.required",
    "limits.body_bytes",
    "limits.header_bytes",
    "limits.headers",
    "limits.json_depth",
    "limits.header_timeout",
    "limits.body_timeout",
    "limits.idle_timeout",
    "limits.call_timeout",
    "limits.calls_in_flight",
    "limits.write_timeout",
    "limits.subscription_keep_alive",
    "spokes.heartbeat",
    "spokes.message_bytes",
    "spokes.buffer_bytes",
    "spokes.requests",
    "spokes.calls",
    "spokes.operations",
    "spokes.spec_bytes",
    "rate.key",
    "rate.anonymous",
    "rate.operations",
    "rate.proxies",
    "idempotency.keep",
    "events.custom",
    "events.payload_bytes",
    "events.keep_for",
    "events.keep_count",
    "events.keep_bytes",
    "outbound.allow",
    "outbound.timeout",
    "outbound.response_bytes",
    "imports.stdio.allow",
    "imports.stdio.env",
    "web.fetch.bytes",
    "calls.record",
    "calls.body_bytes",
    "calls.keep_for",
    "calls.keep_count",
    "calls.sweep",
    "compression.enabled",
    "compression.min_bytes",
    "cors.allowed_origins",
    "cors.max_age",
    "metrics.public",
    "log.filter",
];

impl Key {
    /// Whether a change of its value counts without a restart.
    #[must_use]
    pub fn is_live(&self) -> bool {
        LIVE.contains(&self.path)
    }
}

/// A value that is another than before.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its key.
    pub key: &'static str,
    /// As it was.
    pub from: Shown,
    /// As it is written now.
    pub to: Shown,
    /// Whether it counts from now on; otherwise from the next start.
    pub live: bool,
}

type Follower = Box<dyn Fn(&Config) + Send + Sync>;

/// The configuration in force. Cheap to clone, and to look at.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

struct Inner {
    current: ArcSwap<Config>,
    followers: Mutex<Vec<Follower>>,
}

impl Live {
    /// This one, until it is turned.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let inner = Inner { current: ArcSwap::from_pointee(config), followers: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// A short look.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Config>> {
        self.inner.current.load()
    }

    /// The configuration as it is now, to be kept for longer.
    #[must_use]
    pub fn full(&self) -> Arc<Config> {
        self.inner.current.load_full()
    }

    /// Tells of each change from now on. A follower is quick and changes nothing here.
    pub fn follow(&self, follower: impl Fn(&Config) + Send + Sync + 'static) {
        self.inner.followers.lock().push(Box::new(follower));
    }

    /// Puts in force what of another configuration can be while the hub runs. Answers with all that is different, in
    /// the order of the keys; what needs a restart is so again and again.
    #[must_use]
    pub fn turn(&self, wanted: &Config) -> Vec<Change> {
        // One at a time: followers see configurations in the order in which they are in force.
        let followers = self.inner.followers.lock();
        let mut next = Config::clone(&self.load());
        let mut changes = Vec::new();
        for key in keys::all() {
            if key.is_same(&next, wanted) {
                continue;
            }
            let (from, to, live) = (key.show(&next), key.show(wanted), key.is_live());
            changes.push(Change { key: key.path, from, to, live });
            if live {
                key.copy(&mut next, wanted);
            }
        }
        if changes.iter().any(|change| change.live) {
            self.inner.current.store(Arc::new(next));
            followers.iter().for_each(|follower| follower(&self.load()));
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, sync::atomic::Ordering, time::Duration};

    use super::*;
    use crate::config::Secret;

    #[test]
    fn each_of_the_live_keys_is_one() {
        let keys = keys::all();
        for live in LIVE {
            assert!(keys.iter().any(|key| key.path == *live), "{live}");
        }
        assert!(!keys.iter().any(|key| key.is_live() && key.secret), "secrets are in open connections");
    }

    #[test]
    fn what_can_change_does_and_the_rest_is_told() {
        let live = Live::new(Config::default());
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        live.follow(move |config| {
            count.fetch_add(config.limits.body_bytes, Ordering::SeqCst);
        });
        assert_eq!(live.turn(&Config::default()), []);
        let mut wanted = Config::default();
        wanted.limits.body_bytes = 5000;
        wanted.server.shutdown_grace = Duration::from_secs(1);
        wanted.redis.url = Some(Secret::new("redis://:hunter2@host"));
        let changes = live.turn(&wanted);
        let said: Vec<_> = changes.iter().map(|change| (change.key, change.live)).collect();
        assert_eq!(
            said,
            [("server.shutdown_grace", false), ("redis.url", false), ("limits.body_bytes", true)]
        );
        assert_eq!((&changes[1].from, &changes[1].to), (&Shown::Unset, &Shown::Hidden));
        assert_eq!(changes[2].to, Shown::Plain("5000B".into()));
        assert_eq!(live.load().limits.body_bytes, 5000);
        assert_eq!(live.load().server.shutdown_grace, Config::default().server.shutdown_grace);
        assert_eq!(told.load(Ordering::SeqCst), 5000);
        // Told again until the hub is started again, and nobody is bothered for it.
        assert!(live.turn(&wanted).iter().all(|change| !change.live));
        assert_eq!(told.load(Ordering::SeqCst), 5000);
    }
}
