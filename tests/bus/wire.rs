//! What stands on the wire: the channels and messages of the TypeScript family, behind passwords and prefixes.

use std::time::Duration;

use alkhub::bus::{Reach, topic};
use alkhub_core::protocol;
use bytes::Bytes;
use futures::StreamExt;
use redis::{Client, cmd};

use super::{Line, message, next, settings};
use crate::support::redis::{PATIENCE, RedisServer, common, prefix, raw};

#[tokio::test]
async fn channels_and_messages_are_those_of_the_typescript_family() {
    let Some(mut server) = RedisServer::start(None).await else { return };
    let client = Client::open(server.url()).expect("a client");
    // With no prefix, which is how that family meets.
    let line = Line::through(&settings(&server.url(), "")).await;
    let mut beside = client.get_async_pubsub().await.expect("connected");
    beside.subscribe("call.responded:").await.expect("subscribed");
    beside.subscribe("session.status:s1").await.expect("subscribed");
    for (kind, id, payload) in [("call.responded", "", "{\"a\":[1]}"), ("session.status", "s1", "null")] {
        let envelope = protocol::event(kind, id, payload.as_bytes());
        line.bus.publish(&topic(kind, id), envelope).await.expect("published");
    }
    let mut messages = beside.on_message();
    let mut heard = Vec::new();
    for _ in 0..2 {
        let message = tokio::time::timeout(PATIENCE, messages.next()).await.expect("in time").expect("one");
        let text = String::from_utf8(message.get_payload_bytes().to_vec()).expect("text");
        heard.push((message.get_channel_name().to_owned(), text));
    }
    let expected = [
        ("call.responded:", r#"{"type":"call.responded","id":"","payload":{"a":[1]}}"#),
        ("session.status:s1", r#"{"type":"session.status","id":"s1","payload":null}"#),
    ];
    let heard: Vec<_> = heard.iter().map(|(channel, text)| (&**channel, &**text)).collect();
    assert_eq!(heard, expected);
    // And the other way.
    let mut here = line.bus.subscribe("from.outside:x").await;
    let text = r#"{"payload":1,"id":"x","type":"from.outside"}"#;
    let mut other = raw(&server.url()).await.expect("connected");
    cmd("PUBLISH").arg("from.outside:x").arg(text).query_async::<()>(&mut other).await.expect("published");
    assert_eq!(next(&mut here).await, message(text));
    server.kill();
}

#[tokio::test]
async fn prefixes_keep_hubs_of_one_redis_apart() {
    let Some(url) = common() else { return };
    let (a, b) = (prefix(), prefix());
    let first = Line::through(&settings(&url, &a)).await;
    let second = Line::through(&settings(&url, &a)).await;
    let stranger = Line::through(&settings(&url, &b)).await;
    let mut here = second.bus.subscribe("t:").await;
    let mut there = stranger.bus.subscribe("t:").await;
    first.publish("t:", "a").await;
    stranger.publish("t:", "b").await;
    assert_eq!(next(&mut here).await, message("a"));
    assert_eq!(next(&mut there).await, message("b"));
}

#[tokio::test]
async fn a_password_opens_and_its_lack_is_told() {
    let Some(server) = RedisServer::start(Some("hunter2")).await else { return };
    let line = Line::through(&settings(&server.url(), "")).await;
    let mut heard = line.bus.subscribe("t:").await;
    line.publish("t:", "in").await;
    assert_eq!(next(&mut heard).await, message("in"));
    for wrong in [server.url().replace("hunter2", "hunter3"), server.url().replace(":hunter2@", "")] {
        let locked = Line::new(Some(&settings(&wrong, "")));
        let refused = locked.bus.publish("t:", Bytes::from_static(b"{}")).await.expect_err("locked out");
        assert_eq!(&*refused.code, "UNAVAILABLE");
        assert!(!format!("{refused:?}").contains("hunter"), "{refused:?}");
        assert_eq!(locked.bus.reach(), Reach::Away);
        // It does not hold up a listener either.
        let begun = std::time::Instant::now();
        let _listener = locked.bus.subscribe("t:").await;
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
