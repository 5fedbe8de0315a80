//! Rate limits that several processes hold together.

use std::{sync::Arc, time::Duration};

use alkhub::{
    bus::{self, Counters, Settings},
    config::Config,
    rate::OperationQuota,
};
use serde_json::json;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::rates::{header, quota, remaining};
use crate::support::{
    database::Backend,
    hub::{ADMIN, TestHub},
    redis::{PATIENCE, RedisServer, common, prefix, raw},
    until,
    wire::{Wire, asking, operation},
};

/// Two processes on one database and one Redis, which give a loaded machine time.
pub(crate) async fn each_pair(
    change: impl Fn(&mut Config),
    test: impl AsyncFn(&mut TestHub, &mut TestHub, &mut RedisServer),
) {
    for backend in Backend::all().await {
        let Some(mut redis) = RedisServer::start(None).await else { return };
        println!("-- on {}", backend.name());
        let backend = Arc::new(backend);
        let start = || {
            TestHub::start(backend.clone(), |config| {
                config.redis.url = Some(redis.url().into());
                config.redis.prefix = "pair:".to_owned();
                config.rate.patience = Duration::from_secs(20);
                change(config);
            })
        };
        let (mut one, mut two) = (start().await, start().await);
        for hub in [&one, &two] {
            let ready = async || hub.get("/readyz").await.json()["bus"] == "ok";
            until("the bus is there", PATIENCE, ready).await;
            shares(hub).await;
        }
        test(&mut one, &mut two, &mut redis).await;
        one.stop().await;
        two.stop().await;
    }
}

fn count(page: &str, name: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name} in {page}")).parse().expect("a number")
}

async fn counted(hub: &TestHub, name: &str) -> u64 {
    count(&hub.get("/metrics").await.body, name)
}

/// Waits until a process counts in Redis. What it asks for that is not limited by any test.
async fn shares(hub: &TestHub) {
    let before = counted(hub, "alkhub_rate_shared_total").await;
    until("calls are counted in Redis", PATIENCE, async || {
        hub.anonymous(reqwest::Method::GET, "/api/info").await.ok();
        counted(hub, "alkhub_rate_shared_total").await > before
    })
    .await;
}

#[tokio::test]
async fn a_quota_holds_over_two_processes() {
    each_pair(
        |config| config.rate.key = quota(6),
        async |one, two, redis| {
            let key = one.key(&["project:read"]).await;
            for left in (0..6).rev() {
                let hub = if left % 2 == 0 { &*one } else { &*two };
                let answer = hub.get_as(&key, "/api/projects").await;
                answer.ok();
                assert_eq!(remaining(&answer, "key"), left);
            }
            for hub in [&*one, &*two] {
                let refused = hub.get_as(&key, "/api/projects").await;
                refused.problem(429, "RATE_LIMITED");
                let seconds: u64 = header(&refused, "retry-after").parse().expect("seconds");
                assert!((1..=72_000 / 6).contains(&seconds), "{seconds}");
                assert_eq!(remaining(&refused, "key"), 0);
            }
            // Under the prefix, and not for ever.
            let mut connection = raw(&redis.url()).await.expect("Redis");
            let keys: Vec<String> =
                redis::cmd("KEYS").arg("pair:rate:key:*").query_async(&mut connection).await.expect("keys");
            assert_eq!(keys.len(), 2, "{keys:?}: of the admin and of the other key");
            for key in keys {
                let left: i64 =
                    redis::cmd("PTTL").arg(key).query_async(&mut connection).await.expect("a time");
                assert!((0..=72_002_000).contains(&left), "{left}");
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_call_that_is_passed_on_to_another_process_counts_once() {
    let limit = |text: &str| OperationQuota::parse(text).expect("a limit");
    each_pair(
        |config| {
            config.rate.key = quota(50);
            config.rate.operations = vec![limit("*disk.read=5/20h")];
        },
        async |one, two, _| {
            let mut spoke = Wire::spoke(one, ADMIN, "dev", &[operation("disk", "read", "query")]).await;
            until("the spoke is known", PATIENCE, async || two.get("/api/spokes/dev").await.status == 200)
                .await;
            let before = remaining(&two.get("/api/projects").await, "key");
            for left in (0..5).rev() {
                let call = asking(two, "dev.disk.read", &json!({}));
                let asked = spoke.expect("call.requested").await;
                spoke.respond(&asked["requestId"], json!(1)).await;
                let answer = call.await.expect("answered");
                answer.ok();
                assert_eq!(remaining(&answer, "*disk.read"), left);
            }
            asking(two, "dev.disk.read", &json!({})).await.expect("answered").problem(429, "RATE_LIMITED");
            asking(one, "dev.disk.read", &json!({})).await.expect("answered").problem(429, "RATE_LIMITED");
            // The gateway, seven times, and this one.
            assert_eq!(remaining(&two.get("/api/projects").await, "key"), before - 8);
        },
    )
    .await;
}

#[tokio::test]
async fn without_redis_each_process_counts_by_itself_and_nobody_waits() {
    each_pair(
        |config| {
            config.rate.key = quota(1000);
            config.rate.patience = Duration::from_millis(50);
        },
        async |one, _, redis| {
            let key = one.key(&["project:read"]).await;
            // Silent, with its connections open.
            redis.signal("STOP");
            let alone = counted(one, "alkhub_rate_alone_total").await;
            let answer = one.get_as(&key, "/api/projects").await;
            answer.ok();
            assert!(remaining(&answer, "key") < 1000);
            until("the process counts by itself", PATIENCE, async || {
                one.get_as(&key, "/api/projects").await.ok();
                counted(one, "alkhub_rate_alone_total").await > alone
            })
            .await;
            redis.signal("CONT");
            shares(one).await;
            redis.kill();
            let alone = counted(one, "alkhub_rate_alone_total").await;
            until("the process counts by itself", PATIENCE, async || {
                one.get_as(&key, "/api/projects").await.ok();
                counted(one, "alkhub_rate_alone_total").await > alone
            })
            .await;
            redis.run().await;
            shares(one).await;
        },
    )
    .await;
}

#[tokio::test]
async fn what_the_script_answers_is_what_the_process_would_count() {
    let Some(url) = common() else { return };
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let settings = Settings { url: url.as_str().into(), prefix: prefix(), timeout: Duration::from_secs(10) };
    let counters = Counters::new().expect("counters");
    let buckets =
        bus::buckets(&settings, Duration::from_secs(10), &counters, &tasks, &stop).expect("buckets");
    let hour = 3_600_000_000_000;
    until("Redis is there", PATIENCE, async || buckets.take("probe", 1, hour).await.is_some()).await;
    // Of three an hour, and then of as many in a day as there may be: whole numbers to the last.
    for (bucket, step, room, calls) in [("a", hour / 3, hour, 3_u64), ("b", hour * 24, hour * 24, 1)] {
        for call in 1..=calls {
            let level = buckets.take(bucket, step, room).await.expect("counted");
            assert!(level.taken);
            assert!(level.empty <= call * step && level.empty > (call - 1) * step, "{level:?}");
        }
        let level = buckets.take(bucket, step, room).await.expect("counted");
        assert!(!level.taken && level.empty <= room, "{level:?}");
    }
    // It fills: what takes a millisecond to come back does.
    let millisecond = 1_000_000;
    until("it is full again", PATIENCE, async || {
        buckets.take("c", millisecond, millisecond).await.expect("counted").taken
    })
    .await;
    until("it is full again", PATIENCE, async || {
        buckets.take("c", millisecond, millisecond).await.expect("counted").taken
    })
    .await;
    stop.cancel();
}
