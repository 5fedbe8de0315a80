//! What a listener hears: everything on its topic, in order, or that something is missing.

use alkhub::bus::{CAPACITY, Heard, LARGEST};
use bytes::Bytes;
use futures::StreamExt;

use super::{Line, each_line, message, next, settings};
use crate::support::{
    redis::{PATIENCE, common, prefix, raw, subscribers},
    until,
};

#[tokio::test]
async fn what_is_published_is_heard_in_order_by_all_on_the_topic_and_no_other() {
    each_line(async |line| {
        let mut one = line.bus.subscribe("a.b:1").await;
        let mut two = line.bus.subscribe("a.b:1").await;
        let mut other = line.bus.subscribe("a.b:").await;
        for index in 0..100 {
            line.publish("a.b:1", &format!("{index}")).await;
        }
        line.publish("a.b:", "other").await;
        for index in 0..100 {
            assert_eq!(next(&mut one).await, message(&format!("{index}")));
            assert_eq!(next(&mut two).await, message(&format!("{index}")));
        }
        assert_eq!(next(&mut other).await, message("other"));
        assert_eq!((line.counters.published.get(), line.counters.dropped.get()), (101, 0));
        assert_eq!(line.counters.received.get(), 101);
    })
    .await;
}

#[tokio::test]
async fn a_slow_listener_hears_of_the_gap_and_then_goes_on() {
    each_line(async |line| {
        let mut slow = line.bus.subscribe("t:").await;
        for index in 0..CAPACITY + 10 {
            line.publish("t:", &format!("{index}")).await;
        }
        until("all came", PATIENCE, async || line.counters.received.get() == CAPACITY as u64 + 10).await;
        for index in 0..CAPACITY {
            assert_eq!(next(&mut slow).await, message(&format!("{index}")));
        }
        line.publish("t:", "after").await;
        assert_eq!(next(&mut slow).await, Heard::Gap);
        assert_eq!(next(&mut slow).await, message("after"));
        assert_eq!(line.counters.dropped.get(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    each_line(async |line| {
        let mut heard = line.bus.subscribe("t:").await;
        let large = Bytes::from(vec![b'x'; LARGEST + 1]);
        let refused = line.bus.publish("t:", large.clone()).await.expect_err("refused");
        assert_eq!(&*refused.code, "PAYLOAD_TOO_LARGE");
        line.bus.publish("t:", large.slice(1..)).await.expect("published");
        assert_eq!(next(&mut heard).await, Heard::Message(large.slice(1..)));
    })
    .await;
}

#[tokio::test]
async fn subscriptions_end_with_the_bus() {
    let line = Line::new(None);
    let mut heard = line.bus.subscribe("t:").await;
    line.publish("t:", "last").await;
    drop(line);
    assert_eq!(heard.next().await, Some(message("last")));
    assert_eq!(heard.next().await, None);
    let Some(url) = common() else { return };
    let line = Line::through(&settings(&url, &prefix())).await;
    let mut heard = line.bus.subscribe("t:").await;
    line.stop.cancel();
    line.tasks.close();
    line.tasks.wait().await;
    assert_eq!(heard.next().await, None);
    assert_eq!(line.bus.subscribe("u:").await.next().await, None);
}

#[tokio::test]
async fn redis_is_told_of_the_first_listener_and_of_the_last() {
    let Some(url) = common() else { return };
    let prefix = prefix();
    let line = Line::through(&settings(&url, &prefix)).await;
    let mut beside = raw(&url).await.expect("Redis answers");
    let channel = format!("{prefix}t:1");
    let one = line.bus.subscribe("t:1").await;
    let two = line.bus.subscribe("t:1").await;
    assert_eq!(subscribers(&mut beside, &channel).await, 1, "one connection for both");
    drop(one);
    // A subscription to another topic is confirmed after whatever went before it.
    let _other = line.bus.subscribe("t:2").await;
    assert_eq!(subscribers(&mut beside, &channel).await, 1);
    drop(two);
    until("nobody listens", PATIENCE, async || subscribers(&mut beside.clone(), &channel).await == 0).await;
    let mut again = line.bus.subscribe("t:1").await;
    line.publish("t:1", "again").await;
    assert_eq!(next(&mut again).await, message("again"));
}
