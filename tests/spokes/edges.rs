//! What happens at the edges of bounds, replacements and deadlines.

use std::time::Duration;

use alkhub_core::call::now_ms;
use serde_json::json;

use crate::support::{
    hub::{ADMIN, each_hub, each_hub_with},
    until,
    wire::{Wire, asking, operation, streaming},
};

#[tokio::test]
async fn a_query_leaves_a_spoke_that_is_replaced_or_disconnected() {
    each_hub(async |hub| {
        let operations = [operation("disk", "read", "query")];
        for way in ["replaced", "disconnected"] {
            let mut first = Wire::spoke(hub, ADMIN, "one", &operations).await;
            let call = asking(hub, "disk.read", &json!({}));
            first.expect("call.requested").await;
            let mut second = Wire::spoke(hub, ADMIN, "two", &operations).await;
            // Another one that offers nothing, so that the query can only go to the second.
            let _newer = match way {
                "replaced" => Some(Wire::spoke(hub, ADMIN, "one", &[]).await),
                _ => {
                    assert_eq!(hub.post("/api/spokes/one/disconnect", json!({})).await.status, 200);
                    None
                }
            };
            let again = second.expect("call.requested").await;
            second.respond(&again["requestId"], json!(way)).await;
            assert_eq!(call.await.expect("answered").ok()["data"], way);
            drop((first, second));
            until("both are gone", Duration::from_secs(30), async || {
                hub.get("/api/spokes/two").await.status == 404
            })
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_was_replaced_cannot_take_its_id_back() {
    each_hub(async |hub| {
        let mut older = Wire::spoke(hub, ADMIN, "dev", &[operation("a", "old", "query")]).await;
        let mut newer = Wire::spoke(hub, ADMIN, "dev", &[operation("a", "new", "query")]).await;
        let again = json!({ "spokeType": "test", "spokeId": "dev", "operations": [] });
        older.request("again", "hub.register", again).await;
        assert_eq!(older.closed().await, Some(4409));
        newer.expect_open().await;
        let listed = hub.get("/api/operations?spoke=dev").await.ok();
        assert_eq!(listed["items"][0]["id"], "dev.a.new");
    })
    .await;
}

#[tokio::test]
async fn a_deadline_ends_a_subscription_whose_items_nobody_allows() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        let request = json!({
            "requestId": "s", "operationId": "kit.count", "input": { "to": 100 }, "window": 1, "deadline": now_ms() + 300,
        });
        client.send("call.requested", request).await;
        assert_eq!(client.expect("call.responded").await["requestId"], "s");
        let error = client.expect("call.error").await;
        assert_eq!((&error["requestId"], &error["code"]), (&json!("s"), &json!("TIMEOUT")));
        assert!(error["message"].as_str().is_some_and(|message| message.contains("timed out")), "{error}");
    })
    .await;
}

#[tokio::test]
async fn without_an_idle_timeout_silence_ends_nothing() {
    each_hub(async |hub| {
        let mut spoke = Wire::spoke(hub, ADMIN, "dev", &[operation("a", "items", "subscription")]).await;
        let items = streaming(hub, "dev.a.items", &json!({}));
        let asked = spoke.expect("call.requested").await;
        assert!(asked.get("idleTimeout").is_none(), "{asked}");
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(!items.is_finished());
        spoke.respond(&asked["requestId"], json!("late")).await;
        spoke.send("call.completed", json!({ "requestId": asked["requestId"] })).await;
        assert!(items.await.expect("ended").body.contains("late"));
    })
    .await;
}

#[tokio::test]
async fn envelopes_of_http_and_without_data_pass() {
    each_hub(async |hub| {
        let mut spoke = Wire::spoke(hub, ADMIN, "dev", &[operation("a", "b", "query")]).await;
        let meta = json!({ "source": "http", "statusCode": 201, "headers": { "x-y": "z" }, "contentType": "text/plain" });
        for (output, data) in [
            (json!({ "data": "made", "meta": meta }), json!("made")),
            // What JavaScript writes of `{data: undefined}`.
            (json!({ "meta": meta }), json!(null)),
        ] {
            let call = asking(hub, "dev.a.b", &json!({}));
            let asked = spoke.expect("call.requested").await;
            spoke.send("call.responded", json!({ "requestId": asked["requestId"], "output": output })).await;
            let answer = call.await.expect("answered").ok();
            assert_eq!((&answer["data"], &answer["meta"]), (&data, &meta));
        }
    })
    .await;
}

#[tokio::test]
async fn a_claimed_identity_of_any_form_is_not_looked_at() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        for claimed in [json!({ "id": "root", "scopes": ["admin"] }), json!("root"), json!({ "scopes": 7 }), json!(null)] {
            let request = json!({
                "requestId": "i", "operationId": "kit.whoami", "input": {}, "identity": claimed, "parentRequestId": 7,
            });
            client.send("call.requested", request).await;
            let answer = client.expect("call.responded").await;
            assert!(!answer["output"]["data"].to_string().contains("root"), "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn running_requests_hold_only_so_many_bytes() {
    each_hub_with(
        |config| config.spokes.buffer_bytes = 64 * 1024,
        async |hub| {
            let mut spoke = Wire::spoke(hub, ADMIN, "dev", &[operation("a", "hold", "query")]).await;
            let mut client = Wire::connect(hub).await;
            let input = json!({ "text": "x".repeat(30_000) });
            for id in ["1", "2", "3"] {
                client.request(id, "dev.a.hold", input.clone()).await;
            }
            let refused = client.expect("call.error").await;
            assert_eq!((&refused["requestId"], &refused["code"]), (&json!("3"), &json!("RATE_LIMITED")));
            for _ in 0..2 {
                let asked = spoke.expect("call.requested").await;
                spoke.respond(&asked["requestId"], json!({})).await;
                client.expect("call.responded").await;
            }
            client.request("4", "dev.a.hold", input).await;
            let asked = spoke.expect("call.requested").await;
            spoke.respond(&asked["requestId"], json!({})).await;
            assert_eq!(client.expect("call.responded").await["requestId"], "4");
        },
    )
    .await;
}

#[tokio::test]
async fn a_spoke_that_takes_another_id_leaves_the_first() {
    each_hub(async |hub| {
        let mut listener = Wire::connect(hub).await;
        for topic in ["spoke.connected", "spoke.disconnected"] {
            listener.send("__subscribe", json!(topic)).await;
        }
        listener.expect_open().await;
        let mut spoke = Wire::spoke(hub, ADMIN, "one", &[operation("a", "b", "query")]).await;
        spoke.register("two", &[operation("a", "b", "query")]).await;
        let mut heard = Vec::new();
        for _ in 0..3 {
            let event = listener.next().await;
            heard.push(format!("{} {}", event["type"], event["payload"]["spokeId"]).replace('"', ""));
        }
        assert_eq!(heard, ["spoke.connected one", "spoke.disconnected one", "spoke.connected two"]);
        assert_eq!(hub.get("/api/spokes/one").await.status, 404);
    })
    .await;
}
