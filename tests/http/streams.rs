//! Subscriptions as server-sent events.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;

use crate::support::{
    hub::{TestHub, each_hub},
    until,
    wire::events as frames,
};

async fn live(hub: &TestHub) -> i64 {
    hub.get("/api/kit/live").await.ok()["counts"].as_i64().expect("a number")
}

#[tokio::test]
async fn items_arrive_in_order_and_the_end_is_clean() {
    each_hub(async |hub| {
        let answer = hub.get("/api/kit/count?to=100").await;
        assert_eq!(answer.headers["content-type"], "text/event-stream");
        let frames = frames(&answer.body);
        assert_eq!(frames.len(), 100);
        for (number, (event, data)) in frames.iter().enumerate() {
            assert_eq!(event, "message");
            assert_eq!(data, &json!({ "number": number }));
        }
    })
    .await;
}

#[tokio::test]
async fn a_failure_ends_the_stream_with_an_error_event() {
    each_hub(async |hub| {
        let answer = hub.get("/api/kit/count?to=100&failAt=3").await;
        let frames = frames(&answer.body);
        assert_eq!(frames.len(), 4);
        let (event, problem) = &frames[3];
        assert_eq!(event, "error");
        assert_eq!(problem["code"], "KIT_REFUSED");
        assert_eq!(problem["status"], 409);
        assert_eq!(problem["details"]["reason"], "at 3");
        // What is wrong before the first item is a plain refusal.
        assert_eq!(hub.get("/api/kit/count").await.faults(), ["/to"]);
    })
    .await;
}

#[tokio::test]
async fn the_gateway_wraps_items() {
    each_hub(async |hub| {
        let body = json!({ "operationId": "kit.count", "input": { "to": 3 } });
        let answer = hub.post("/api/subscribe", body).await;
        let frames = frames(&answer.body);
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[2].1["data"], json!({ "number": 2 }));
        assert_eq!(frames[2].1["meta"]["operationId"], "kit.count");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_stream() {
    each_hub(async |hub| {
        let response = hub
            .request(reqwest::Method::GET, "/api/kit/count?to=1000000&everyMs=5")
            .send()
            .await
            .expect("an answer");
        let mut items = response.bytes_stream();
        items.next().await.expect("an item").expect("bytes");
        assert_eq!(live(hub).await, 1);
        drop(items);
        until("the handler is gone", Duration::from_secs(10), async || live(hub).await == 0).await;
    })
    .await;
}

#[tokio::test]
async fn the_hub_tells_its_vital_signs() {
    each_hub(async |hub| {
        let answer = hub.get("/api/watch?intervalMs=100&count=3").await;
        let frames = frames(&answer.body);
        assert_eq!(frames.len(), 3);
        assert!(frames[2].1["uptimeMs"].as_i64() >= frames[0].1["uptimeMs"].as_i64());
        assert_eq!(
            frames[0].1["operations"].as_u64(),
            Some((alkhub_api::OPERATIONS.len() + alkhub_testkit::api::OPERATIONS.len()) as u64)
        );
    })
    .await;
}
