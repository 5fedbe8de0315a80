//! Peers that do what they must not: each is refused or ignored, said once, and no other connection notices.

use std::time::{Duration, Instant};

use futures::SinkExt;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{CloseCode, Data, OpCode},
    },
};

use crate::support::{
    hub::{ADMIN, TestHub, each_hub},
    wire::{Wire, asking, operation},
};

/// Plays a misdeed beside an honest pair of connections, which must notice nothing of it.
async fn beside_honest_ones(hub: &TestHub, misdeed: impl Future<Output = ()>) {
    let mut honest = Wire::spoke(hub, ADMIN, "honest", &[operation("work", "hold", "query")]).await;
    let held = asking(hub, "honest.work.hold", &json!({}));
    let asked = honest.expect("call.requested").await;
    misdeed.await;
    honest.respond(&asked["requestId"], json!("held")).await;
    assert_eq!(held.await.expect("answered").ok()["data"], "held");
}

async fn evil(hub: &TestHub) -> Wire {
    Wire::spoke(hub, ADMIN, "evil", &[operation("work", "evil", "query")]).await
}

#[tokio::test]
async fn the_answer_of_another_spoke_is_not_taken() {
    each_hub(async |hub| {
        let mut honest = Wire::spoke(hub, ADMIN, "honest", &[operation("work", "hold", "query")]).await;
        let mut evil = evil(hub).await;
        let held = asking(hub, "honest.work.hold", &json!({}));
        let asked = honest.expect("call.requested").await;
        evil.respond(&asked["requestId"], json!("forged")).await;
        evil.send("call.error", json!({ "requestId": asked["requestId"], "code": "X", "message": "forged" }))
            .await;
        evil.send("call.aborted", json!({ "requestId": asked["requestId"] })).await;
        // Its next answer says that all of that was read.
        assert_eq!(evil.call("sync", "kit.live", json!({})).await["type"], "call.responded");
        honest.respond(&asked["requestId"], json!("true")).await;
        assert_eq!(held.await.expect("answered").ok()["data"], "true");
    })
    .await;
}

#[tokio::test]
async fn a_hundred_thousand_unknown_ids_change_nothing() {
    each_hub(async |hub| {
        let mut evil = evil(hub).await;
        beside_honest_ones(hub, async {
            for number in 0..100_000_u64 {
                let id = uuid::Uuid::from_u64_pair(number, number);
                let text = format!(
                    r#"{{"type":"call.responded","id":"","payload":{{"requestId":"{id}","output":{{"data":1,"meta":{{"source":"local","operationId":"a.b","timestamp":1}}}}}}}}"#
                );
                evil.socket.feed(Message::text(text)).await.expect("sent");
            }
            evil.socket.flush().await.expect("sent");
            assert_eq!(evil.call("sync", "kit.live", json!({})).await["type"], "call.responded");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn messages_that_are_none_are_ignored() {
    each_hub(async |hub| {
        let mut evil = evil(hub).await;
        beside_honest_ones(hub, async {
            let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
            for text in [
                String::new(),
                "nonsense".to_owned(),
                "[]".to_owned(),
                "{}".to_owned(),
                r#"{"type":7,"id":"","payload":{}}"#.to_owned(),
                r#"{"type":"call.requested","id":"","payload":null}"#.to_owned(),
                r#"{"type":"call.responded","id":"","payload":[]}"#.to_owned(),
                r#"{"type":"__subscribe","id":"","payload":{}}"#.to_owned(),
                r#"{"type":"of.another","id":"world","payload":{"a":1}}"#.to_owned(),
                format!(r#"{{"type":"call.responded","id":"","payload":{deep}}}"#),
                deep,
            ] {
                evil.socket.send(Message::text(text.clone())).await.expect("sent");
                evil.socket.send(Message::binary(text.into_bytes())).await.expect("sent");
            }
            evil.socket.send(Message::binary(vec![0xff, 0xfe, 0x80])).await.expect("sent");
            assert_eq!(evil.call("sync", "kit.live", json!({})).await["type"], "call.responded");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn deep_input_and_deep_answers_are_refused() {
    each_hub(async |hub| {
        let mut evil = evil(hub).await;
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let text = format!(
            r#"{{"type":"call.requested","id":"","payload":{{"requestId":"d","operationId":"kit.shapes","input":{deep}}}}}"#
        );
        evil.socket.send(Message::text(text)).await.expect("sent");
        let error = loop {
            let message = evil.next().await;
            if message["type"] == "call.error" {
                break message["payload"].clone();
            }
        };
        assert!(error["message"].as_str().is_some_and(|text| text.contains("deep") || text.contains("recursion")));
        let call = asking(hub, "evil.work.evil", &json!({}));
        let asked = evil.expect("call.requested").await;
        let id = asked["requestId"].as_str().expect("an id");
        let text = format!(
            r#"{{"type":"call.responded","id":"","payload":{{"requestId":"{id}","output":{{"data":{deep},"meta":{{"source":"local","operationId":"a.b","timestamp":1}}}}}}}}"#
        );
        evil.socket.send(Message::text(text)).await.expect("sent");
        // Either the answer is refused for its depth, or as a message that cannot be read; then the call has its deadline.
        evil.send("call.error", json!({ "requestId": id, "code": "EXECUTION_ERROR", "message": "late" })).await;
        call.await.expect("answered").problem(500, "EXECUTION_ERROR");
        evil.expect_open().await;
    })
    .await;
}

#[tokio::test]
async fn text_that_is_not_utf8_ends_the_connection() {
    each_hub(async |hub| {
        let mut evil = evil(hub).await;
        beside_honest_ones(hub, async {
            let frame = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
            evil.socket.send(Message::Frame(frame)).await.expect("sent");
            assert_eq!(evil.closed().await, Some(1007));
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_message_of_a_gigabyte_ends_the_connection_before_it_is_sent() {
    each_hub(async |hub| {
        let mut evil = evil(hub).await;
        beside_honest_ones(hub, async {
            // A header that promises 2^30 bytes, masked, and then as much as the hub takes.
            let header = [0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4];
            let stream = evil.socket.get_mut();
            stream.write_all(&header).await.expect("sent");
            let chunk = vec![b'x'; 64 * 1024];
            let mut sent = 0_usize;
            while sent < 1 << 30 && stream.write_all(&chunk).await.is_ok() {
                sent += chunk.len();
            }
            assert!(sent < 1 << 28, "the hub took {sent} bytes");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn frames_after_a_close_frame_are_not_looked_at() {
    each_hub(async |hub| {
        let mut evil = evil(hub).await;
        beside_honest_ones(hub, async {
            let mut bytes = vec![0x88, 0x82, 0, 0, 0, 0];
            bytes.extend(u16::from(CloseCode::Normal).to_be_bytes());
            let request = br#"{"type":"call.requested","id":"","payload":{"requestId":"x","operationId":"kit.live","input":{}}}"#;
            bytes.extend([0x81, 0xfe]);
            bytes.extend(u16::try_from(request.len()).expect("short").to_be_bytes());
            bytes.extend([0, 0, 0, 0]);
            bytes.extend(request);
            evil.socket.get_mut().write_all(&bytes).await.expect("sent");
            // It is answered in kind (RFC 6455 section 5.5.1).
            assert_eq!(evil.closed().await, Some(1000));
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn more_requests_at_once_than_are_served_are_refused_and_the_others_run() {
    crate::support::hub::each_hub_with(
        |config| config.spokes.requests = 4,
        async |hub| {
            let mut evil = evil(hub).await;
            for number in 0..6 {
                evil.request(&number.to_string(), "kit.slow", json!({ "ms": 500 })).await;
            }
            let mut ends: Vec<(Value, Value)> = Vec::new();
            for _ in 0..6 {
                let message = evil.next().await;
                ends.push((message["type"].clone(), message["payload"]["code"].clone()));
            }
            assert_eq!(ends.iter().filter(|(_, code)| code == "RATE_LIMITED").count(), 2, "{ends:?}");
            assert_eq!(ends.iter().filter(|(kind, _)| kind == "call.responded").count(), 4, "{ends:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_off_at_a_bounded_buffer() {
    crate::support::hub::each_hub_with(
        |config| config.spokes.buffer_bytes = 256 * 1024,
        async |hub| {
            let mut evil = evil(hub).await;
            beside_honest_ones(hub, async {
                // Every answer is 100 KB, and none is read.
                let text = "x".repeat(1000);
                let begun = Instant::now();
                loop {
                    let input = json!({ "text": text, "times": 100 });
                    let request = json!({ "requestId": uuid::Uuid::now_v7(), "operationId": "kit.echo", "input": input });
                    let message = json!({ "type": "call.requested", "id": "", "payload": request }).to_string();
                    let sent = tokio::time::timeout(Duration::from_secs(5), evil.socket.send(Message::text(message))).await;
                    if !matches!(sent, Ok(Ok(()))) || hub.get("/api/spokes/evil").await.status == 404 {
                        break;
                    }
                    assert!(begun.elapsed() < Duration::from_secs(60), "it is still connected");
                }
            })
            .await;
        },
    )
    .await;
}
