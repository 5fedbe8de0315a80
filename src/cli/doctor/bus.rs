//! Whether Redis answers, lets the hub in, and carries messages.

use std::time::Duration;

use super::finding::Finding;
use crate::bus::{self, Trouble};
use crate::config::Redis;

const NAME: &str = "redis";
/// The first version that the hub is tested with.
const OLDEST: u32 = 6;
/// A message that takes longer makes everything that goes over the bus slow.
const SLOW: Duration = Duration::from_millis(100);

pub(super) async fn check(redis: &Redis) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, url) in [("redis.url", &redis.url), ("redis.pubsub_url", &redis.pubsub_url)] {
        if let Some(url) = url {
            // What is wrong with the URL itself stands under `configuration`.
            if bus::fault(url.expose()).is_none() {
                findings.push(look(key, &redis.settings(url)).await);
            }
        }
    }
    findings
}

async fn look(key: &str, settings: &bus::Settings) -> Finding {
    let found = match Box::pin(bus::probe(settings)).await {
        Ok(found) => found,
        Err(Trouble::Unreachable(reason)) => {
            return Finding::fail(
                NAME,
                format!("the Redis of {key} cannot be reached: {reason}"),
                format!(
                    "start Redis, or correct {key} (rediss:// where it wants TLS); the hub runs without it, but hears no other process"
                ),
            );
        }
        Err(Trouble::Denied(reason)) => {
            return Finding::fail(
                NAME,
                format!("the Redis of {key} does not let the hub in: {reason}"),
                format!("correct user and password in {key}: redis://user:password@host:6379"),
            );
        }
        Err(Trouble::Mute(reason)) => {
            return Finding::fail(
                NAME,
                format!("the Redis of {key} answers, but a message did not come back: {reason}"),
                "allow the user to publish and subscribe: ACL SETUSER ... allchannels +publish +subscribe +unsubscribe +ping",
            );
        }
    };
    let took = found.round_trip;
    let said = format!(
        "the Redis of {key}, version {}, answers; a message took {took:.1?} there and back",
        found.version
    );
    let major = found.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        return Finding::warn(NAME, said, format!("upgrade it to {OLDEST} or newer"));
    }
    if took > SLOW {
        return Finding::warn(NAME, said, "put it nearer to the hub, or look for what keeps it busy");
    }
    Finding::ok(NAME, said)
}
