//! Redis goes and comes back: nothing hangs, and listeners learn that they may have missed something.

use std::time::{Duration, Instant};

use alkhub::bus::{Heard, Reach, Settings};
use bytes::Bytes;

use super::{Line, message, next, settings};
use crate::support::{
    redis::{PATIENCE, RedisServer},
    until,
};

/// Far more than failing at once takes, and far less than any timeout.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn fails_at_once(line: &Line) {
    let begun = Instant::now();
    let error = line.bus.publish("t:", Bytes::from_static(b"{}")).await.expect_err("away");
    assert_eq!(&*error.code, "UNAVAILABLE");
    assert!(error.retry_after.is_some());
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_redis_that_is_killed_and_started_again_leaves_a_gap() {
    let Some(mut server) = RedisServer::start(None).await else { return };
    let line = Line::through(&settings(&server.url(), "p:")).await;
    let mut first = line.bus.subscribe("t:").await;
    let mut second = line.bus.subscribe("u:").await;
    line.publish("t:", "before").await;
    assert_eq!(next(&mut first).await, message("before"));
    for round in 0..3 {
        server.kill();
        line.is(Reach::Away).await;
        fails_at_once(&line).await;
        // Who comes meanwhile does not wait, and is told too.
        let mut third = line.bus.subscribe(&format!("v:{round}")).await;
        server.run().await;
        line.is(Reach::Reachable).await;
        for (topic, heard) in [("t:", &mut first), ("u:", &mut second), (&*format!("v:{round}"), &mut third)]
        {
            assert_eq!(next(heard).await, Heard::Gap, "{topic} {round}");
            line.publish(topic, "after").await;
            assert_eq!(next(heard).await, message("after"), "{topic} {round}");
        }
    }
    assert!(line.counters.reconnects.get() >= 6, "three times, of two connections");
    assert!(line.counters.dropped.get() >= 3);
}

#[tokio::test]
async fn a_redis_that_goes_silent_is_found_out() {
    let Some(server) = RedisServer::start(None).await else { return };
    let settings = Settings { timeout: Duration::from_millis(500), ..settings(&server.url(), "") };
    let line = Line::through(&settings).await;
    let mut heard = line.bus.subscribe("t:").await;
    server.signal("STOP");
    let begun = Instant::now();
    line.bus.publish("t:", Bytes::from_static(b"{}")).await.expect_err("silent");
    assert!(begun.elapsed() < Duration::from_secs(5));
    line.is(Reach::Away).await;
    fails_at_once(&line).await;
    // The connection that hears finds out by itself; from then on a new listener does not wait for it.
    until("the listening connection is given up", PATIENCE, async || {
        let begun = Instant::now();
        let _listener = line.bus.subscribe("u:").await;
        begun.elapsed() < settings.timeout / 2
    })
    .await;
    server.signal("CONT");
    line.is(Reach::Reachable).await;
    // What was on its way may come before or after the gap, and more than one is no harm.
    until("a gap is heard", PATIENCE, async || next(&mut heard).await == Heard::Gap).await;
    line.publish("t:", "after").await;
    until("it goes on", PATIENCE, async || next(&mut heard).await == message("after")).await;
}

#[tokio::test]
async fn a_bus_starts_without_redis_and_finds_it_later() {
    let Some(mut server) = RedisServer::start(None).await else { return };
    server.kill();
    let line = Line::new(Some(&settings(&server.url(), "")));
    fails_at_once(&line).await;
    let mut heard = line.bus.subscribe("t:").await;
    server.run().await;
    line.is(Reach::Reachable).await;
    assert_eq!(next(&mut heard).await, Heard::Gap);
    line.publish("t:", "now").await;
    assert_eq!(next(&mut heard).await, message("now"));
}
