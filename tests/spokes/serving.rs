//! The side that serves, row by row of the upstream reference's sections 1 and 2.3: a client made by hand calls, the hub
//! answers.

use std::time::Duration;

use alkhub_core::call::now_ms;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    hub::{ADMIN, TestHub, each_hub},
    until,
    wire::{Wire, operation},
};

async fn live(hub: &TestHub, which: &str) -> i64 {
    hub.get("/api/kit/live").await.ok()[which].as_i64().expect("a number")
}

#[tokio::test]
async fn a_call_is_answered_with_a_local_envelope() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        let answer = client.call("any string", "kit.echo", json!({ "text": "hi", "times": 2 })).await;
        assert_eq!((&answer["type"], &answer["id"]), (&json!("call.responded"), &json!("")));
        let output = &answer["payload"]["output"];
        assert_eq!(output["data"], json!({ "text": "hihi" }));
        assert_eq!(output["meta"]["source"], "local");
        assert_eq!(output["meta"]["operationId"], "kit.echo");
        assert!(output["meta"]["timestamp"].as_u64().is_some_and(|at| at.abs_diff(now_ms()) < 60_000));
        assert_eq!(answer["payload"].as_object().map(serde_json::Map::len), Some(2));
    })
    .await;
}

#[tokio::test]
async fn every_failure_is_one_error_with_its_code() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        for (operation, input, code, details) in [
            ("no.such", json!({}), "OPERATION_NOT_FOUND", json!({ "operationId": "no.such" })),
            ("kit.fail", json!({ "how": "declared" }), "KIT_REFUSED", json!({ "reason": "asked to" })),
            ("kit.fail", json!({ "how": "internal" }), "EXECUTION_ERROR", Value::Null),
            ("kit.fail", json!({ "how": "panic" }), "EXECUTION_ERROR", Value::Null),
        ] {
            let answer = client.call("f", operation, input).await;
            assert_eq!(answer["type"], "call.error", "{answer}");
            let error = &answer["payload"];
            assert_eq!((&error["code"], &error["details"]), (&json!(code), &details), "{answer}");
            assert!(
                error["message"].as_str().is_some_and(|text| !text.is_empty() && !text.contains("secret"))
            );
        }
        let answer = client.call("f", "kit.echo", json!({ "text": 1 })).await;
        assert_eq!(answer["payload"]["code"], "VALIDATION_ERROR");
        assert_eq!(answer["payload"]["details"]["faults"][0]["pointer"], "/text");
    })
    .await;
}

#[tokio::test]
async fn lack_of_a_scope_is_said_per_call() {
    each_hub(async |hub| {
        let key = hub.key(&["project:read"]).await;
        let mut client = Wire::connect_as(hub, &key).await;
        let refused = client.call("r", "kit.echo", json!({ "text": "x" })).await;
        assert_eq!(refused["payload"]["code"], "ACCESS_DENIED");
        assert_eq!(refused["payload"]["details"]["requiredScopes"], json!(["kit:use"]));
        assert_eq!(client.call("a", "kit.live", json!({})).await["type"], "call.responded");
    })
    .await;
}

#[tokio::test]
async fn a_subscription_sends_items_and_then_completed() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        client.request("s", "kit.count", json!({ "to": 300 })).await;
        for number in 0..300 {
            let item = client.expect("call.responded").await;
            assert_eq!(
                (&item["requestId"], &item["output"]["data"]["number"]),
                (&json!("s"), &json!(number))
            );
        }
        assert_eq!(client.expect("call.completed").await, json!({ "requestId": "s" }));
        // An empty one is completed at once; a failing one ends with its error.
        client.request("e", "kit.count", json!({ "to": 0 })).await;
        assert_eq!(client.expect("call.completed").await["requestId"], "e");
        client.request("f", "kit.count", json!({ "to": 9, "failAt": 1 })).await;
        client.expect("call.responded").await;
        assert_eq!(client.expect("call.error").await["code"], "KIT_REFUSED");
    })
    .await;
}

#[tokio::test]
async fn an_abort_stops_the_running_handler_and_is_not_answered() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        for (id, operation, input, which) in [
            ("call", "kit.slow", json!({ "ms": 600_000 }), "slow"),
            ("stream", "kit.count", json!({ "to": 1_000_000, "everyMs": 60_000 }), "counts"),
        ] {
            client.request(id, operation, input).await;
            until("it runs", Duration::from_secs(30), async || live(hub, which).await == 1).await;
            client.send("call.aborted", json!({ "requestId": id })).await;
            until("it is gone", Duration::from_secs(30), async || live(hub, which).await == 0).await;
        }
        // The next message is the answer of the next call, not one of those.
        assert_eq!(client.call("next", "kit.live", json!({})).await["type"], "call.responded");
        client.send("call.aborted", json!({ "requestId": "unknown" })).await;
        assert_eq!(client.call("still", "kit.live", json!({})).await["type"], "call.responded");
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_ends_stops_what_it_asked_for() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        client.request("c", "kit.slow", json!({ "ms": 600_000 })).await;
        client.request("s", "kit.count", json!({ "to": 1_000_000, "everyMs": 60_000 })).await;
        until("both run", Duration::from_secs(30), async || {
            live(hub, "slow").await + live(hub, "counts").await == 2
        })
        .await;
        drop(client);
        until("both are gone", Duration::from_secs(30), async || {
            live(hub, "slow").await + live(hub, "counts").await == 0
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn deadlines_are_kept_where_the_call_runs() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        for deadline in [1, now_ms() + 100] {
            let request = json!({
                "requestId": "d", "operationId": "kit.slow", "input": { "ms": 1900 }, "deadline": deadline,
            });
            client.send("call.requested", request).await;
            let error = client.expect("call.error").await;
            assert_eq!(
                (&error["code"], &error["details"]),
                (&json!("TIMEOUT"), &json!({ "deadline": deadline }))
            );
        }
    })
    .await;
}

#[tokio::test]
async fn optional_fields_may_be_absent_or_null() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        let request = json!({
            "requestId": "n", "operationId": "kit.live", "input": {}, "parentRequestId": null, "deadline": null,
            "idleTimeout": null, "identity": null, "metadata": null,
        });
        client.send("call.requested", request).await;
        assert_eq!(client.expect("call.responded").await["requestId"], "n");
        client.send("call.requested", json!({ "requestId": "n", "operationId": "kit.live" })).await;
        assert_eq!(client.expect("call.responded").await["requestId"], "n");
    })
    .await;
}

#[tokio::test]
async fn answers_come_in_the_kind_of_frame_that_the_peer_speaks() {
    each_hub(async |hub| {
        let request = json!({
            "type": "call.requested", "id": "", "payload": { "requestId": "b", "operationId": "kit.live", "input": {} },
        })
        .to_string();
        for binary in [true, false] {
            let mut client = Wire::connect(hub).await;
            let frame = if binary { Message::binary(request.clone()) } else { Message::text(request.clone()) };
            client.socket.send(frame).await.expect("sent");
            let answer = client.socket.next().await.expect("a frame").expect("a good one");
            assert_eq!(answer.is_binary(), binary, "{answer:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_request_is_told_and_a_repeated_id_is_not_run_twice() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        client.send("call.requested", json!({ "requestId": "w", "operationId": 7 })).await;
        let error = client.expect("call.error").await;
        assert_eq!((&error["requestId"], &error["code"]), (&json!("w"), &json!("BAD_REQUEST")));
        client.request("twice", "kit.slow", json!({ "ms": 300 })).await;
        client.request("twice", "kit.slow", json!({ "ms": 300 })).await;
        assert_eq!(client.expect("call.responded").await["requestId"], "twice");
        assert_eq!(client.call("next", "kit.live", json!({})).await["type"], "call.responded");
    })
    .await;
}

#[tokio::test]
async fn topics_may_stand_in_any_of_three_places_and_hold_back_calls_in_none() {
    each_hub(async |hub| {
        let watchers = [
            json!({ "type": "__subscribe", "id": "spoke.connected" }),
            json!({ "type": "__subscribe", "id": "", "payload": "spoke.connected" }),
            json!({ "type": "__subscribe", "id": "", "payload": { "topic": "spoke.connected:" } }),
        ];
        let mut connected = Vec::new();
        for (index, subscription) in watchers.into_iter().enumerate() {
            let mut watcher = Wire::connect(hub).await;
            watcher.socket.send(Message::text(subscription.to_string())).await.expect("sent");
            // Its answer says that the subscription before it was read; no subscription was needed for it.
            assert_eq!(watcher.call("sync", "kit.live", json!({})).await["type"], "call.responded");
            connected.push((index, watcher));
        }
        let mut stranger = Wire::connect_as(hub, &hub.key(&["project:read"]).await).await;
        stranger.send("__subscribe", json!("spoke.connected")).await;
        stranger.call("sync", "kit.live", json!({})).await;
        let _spoke = Wire::spoke(hub, ADMIN, "dev", &[operation("a", "b", "query")]).await;
        for (index, watcher) in &mut connected {
            let event = watcher.expect("spoke.connected").await;
            assert_eq!(event["spokeId"], "dev", "{index}");
        }
        // Without the scope nothing comes, and after __unsubscribe nothing more.
        assert_eq!(stranger.call("next", "kit.live", json!({})).await["type"], "call.responded");
        let (_, watcher) = &mut connected[0];
        watcher.send("__unsubscribe", json!("spoke.connected")).await;
        watcher.call("sync", "kit.live", json!({})).await;
        let _other = Wire::spoke(hub, ADMIN, "dev2", &[operation("a", "b", "query")]).await;
        assert_eq!(watcher.call("next", "kit.live", json!({})).await["type"], "call.responded");
    })
    .await;
}
