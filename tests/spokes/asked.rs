//! The side that asks, row by row of the upstream reference's section 2.2: the hub calls, a spoke made by hand answers.

use std::time::Duration;

use alkhub_core::call::now_ms;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::support::{
    hub::{ADMIN, TestHub, each_hub},
    wire::{Wire, asking, events, operation, streaming},
};

async fn spoke(hub: &TestHub) -> Wire {
    let mut failing = operation("disk", "read", "query");
    failing["errorSchemas"] =
        json!([{ "code": "DISK_FULL", "description": "No room.", "schema": {}, "httpStatus": 507 }]);
    Wire::spoke(hub, ADMIN, "dev", &[failing, operation("disk", "watch", "subscription")]).await
}

async fn requested(spoke: &mut Wire) -> Value {
    spoke.expect("call.requested").await["requestId"].clone()
}

#[tokio::test]
async fn responded_ends_a_call_with_the_envelope_as_it_is() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        let call = asking(hub, "dev.disk.read", &json!({}));
        let id = requested(&mut spoke).await;
        let envelope = json!({
            "data": [1, "two", null],
            "meta": { "source": "mcp", "content": [{ "type": "text", "text": "x" }], "isError": false },
        });
        spoke.send("call.responded", json!({ "requestId": id, "output": envelope })).await;
        assert_eq!(call.await.expect("answered").ok(), envelope);
        // A second answer finds nothing that waits, and does no harm.
        spoke.respond(&id, json!("again")).await;
        let next = asking(hub, "dev.disk.read", &json!({}));
        let id = requested(&mut spoke).await;
        spoke.respond(&id, json!("mine")).await;
        assert_eq!(next.await.expect("answered").ok()["data"], "mine");
    })
    .await;
}

#[tokio::test]
async fn error_ends_a_call_with_code_message_and_details() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        for (code, status) in
            [("DISK_FULL", 507), ("VALIDATION_ERROR", 422), ("OPERATION_NOT_FOUND", 404), ("TIMEOUT", 504)]
        {
            let call = asking(hub, "dev.disk.read", &json!({}));
            let id = requested(&mut spoke).await;
            let error =
                json!({ "requestId": id, "code": code, "message": "It is so.", "details": { "left": 0 } });
            spoke.send("call.error", error).await;
            let problem = call.await.expect("answered").problem(status, code);
            assert_eq!(problem["detail"], "It is so.");
            assert_eq!(problem["details"], json!({ "left": 0 }));
        }
    })
    .await;
}

#[tokio::test]
async fn completed_and_aborted_end_a_call_with_aborted() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        for (kind, words) in
            [("call.completed", "completed without response"), ("call.aborted", "was aborted")]
        {
            let call = asking(hub, "dev.disk.read", &json!({}));
            let id = requested(&mut spoke).await;
            spoke.send(kind, json!({ "requestId": id })).await;
            let problem = call.await.expect("answered").problem(499, "ABORTED");
            assert!(problem["detail"].as_str().is_some_and(|text| text.contains(words)), "{problem}");
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_ids_are_ignored_silently() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        let call = asking(hub, "dev.disk.read", &json!({}));
        let id = requested(&mut spoke).await;
        for unknown in [json!("nothing"), json!("00000000-0000-4000-8000-000000000000")] {
            spoke.respond(&unknown, json!(1)).await;
            spoke.send("call.error", json!({ "requestId": unknown, "code": "X", "message": "x" })).await;
            spoke.send("call.completed", json!({ "requestId": unknown })).await;
            spoke.send("call.aborted", json!({ "requestId": unknown })).await;
        }
        spoke.respond(&id, json!(2)).await;
        assert_eq!(call.await.expect("answered").ok()["data"], 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_envelope_is_no_answer() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        for output in
            [json!(1), json!({ "data": 1 }), json!({ "data": 1, "meta": { "source": "elsewhere" } })]
        {
            let call = asking(hub, "dev.disk.read", &json!({}));
            let id = requested(&mut spoke).await;
            spoke.send("call.responded", json!({ "requestId": id, "output": output })).await;
            call.await.expect("answered").problem(500, "EXECUTION_ERROR");
        }
    })
    .await;
}

#[tokio::test]
async fn items_of_a_subscription_come_in_order_until_it_is_completed() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        // An end by call.aborted is clean as well.
        for end in ["call.completed", "call.aborted"] {
            let stream = streaming(hub, "dev.disk.watch", &json!({}));
            let id = requested(&mut spoke).await;
            for item in 0..5 {
                spoke.respond(&id, json!(item)).await;
            }
            spoke.respond(&id, Value::Null).await;
            spoke.send(end, json!({ "requestId": id })).await;
            let items: Vec<_> = events(&stream.await.expect("ended").body)
                .into_iter()
                .map(|(event, envelope)| {
                    assert_eq!(event, "message", "{envelope}");
                    envelope["data"].clone()
                })
                .collect();
            assert_eq!(items, [json!(0), json!(1), json!(2), json!(3), json!(4), Value::Null]);
        }
    })
    .await;
}

#[tokio::test]
async fn error_ends_a_subscription_with_the_error() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        let stream = streaming(hub, "dev.disk.watch", &json!({}));
        let id = requested(&mut spoke).await;
        spoke.respond(&id, json!(1)).await;
        spoke
            .send("call.error", json!({ "requestId": id, "code": "GONE_AWAY", "message": "No more." }))
            .await;
        let events = events(&stream.await.expect("ended").body);
        assert_eq!(events.len(), 2);
        assert_eq!((events[1].0.as_str(), &events[1].1["code"]), ("error", &json!("GONE_AWAY")));
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_leaves_aborts_once_and_a_stream_that_ended_does_not() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        let body = json!({ "operationId": "dev.disk.watch", "input": {} });
        let request = hub.request(reqwest::Method::POST, "/api/subscribe").json(&body);
        let answer = tokio::spawn(async move { request.send().await.expect("an answer") });
        let id = requested(&mut spoke).await;
        spoke.respond(&id, json!(1)).await;
        let mut items = answer.await.expect("sent").bytes_stream();
        items.next().await.expect("an item").expect("bytes");
        drop(items);
        assert_eq!(spoke.expect("call.aborted").await["requestId"], id);

        let ended = streaming(hub, "dev.disk.watch", &json!({}));
        let id = requested(&mut spoke).await;
        spoke.send("call.completed", json!({ "requestId": id })).await;
        ended.await.expect("ended");
        // Were there an abort of it, it would come before the next request.
        let last = asking(hub, "dev.disk.read", &json!({}));
        let id = requested(&mut spoke).await;
        spoke.respond(&id, json!(1)).await;
        last.await.expect("answered").ok();
    })
    .await;
}

#[tokio::test]
async fn deadlines_end_a_call_with_timeout_and_tell_the_spoke() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        let mut client = Wire::connect(hub).await;
        let deadline = now_ms() + 300;
        let request =
            json!({ "requestId": "late", "operationId": "dev.disk.read", "input": {}, "deadline": deadline });
        client.send("call.requested", request).await;
        let asked = spoke.expect("call.requested").await;
        assert_eq!(asked["deadline"], deadline);
        let error = client.expect("call.error").await;
        assert_eq!(
            (&error["code"], &error["details"]),
            (&json!("TIMEOUT"), &json!({ "deadline": deadline }))
        );
        assert_eq!(spoke.expect("call.aborted").await["requestId"], asked["requestId"]);

        // In the past: at once, and the spoke hears nothing of it. 0 is none.
        let request =
            json!({ "requestId": "past", "operationId": "dev.disk.read", "input": {}, "deadline": 1 });
        client.send("call.requested", request).await;
        assert_eq!(client.expect("call.error").await["code"], "TIMEOUT");
        let request =
            json!({ "requestId": "none", "operationId": "dev.disk.read", "input": {}, "deadline": 0 });
        client.send("call.requested", request).await;
        let asked = spoke.expect("call.requested").await;
        assert_ne!(asked["deadline"], 0);
        spoke.respond(&asked["requestId"], json!(1)).await;
        assert_eq!(client.expect("call.responded").await["requestId"], "none");
    })
    .await;
}

#[tokio::test]
async fn silence_longer_than_the_idle_timeout_ends_a_subscription() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        let mut client = Wire::connect(hub).await;
        let request =
            json!({ "requestId": "s", "operationId": "dev.disk.watch", "input": {}, "idleTimeout": 300 });
        client.send("call.requested", request).await;
        let id = requested(&mut spoke).await;
        // Every item starts the time anew.
        for item in 0..3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            spoke.respond(&id, json!(item)).await;
            assert_eq!(client.expect("call.responded").await["output"]["data"], item);
        }
        let error = client.expect("call.error").await;
        assert_eq!((&error["code"], &error["details"]), (&json!("TIMEOUT"), &json!({ "idleTimeout": 300 })));
        assert_eq!(spoke.expect("call.aborted").await["requestId"], id);
    })
    .await;
}
