//! Subscriptions as tools: collected, told as progress, bounded, cancelled.

use std::time::Duration;

use alkhub::config::Config;
use reqwest::Method;
use serde_json::json;

use super::client::{Client, Events, OLDER, messages};
use crate::support::{
    hub::{TestHub, each_hub, each_hub_with},
    until,
};

const PATIENCE: Duration = Duration::from_secs(30);

async fn live(hub: &TestHub, what: &str) -> i64 {
    hub.get("/api/kit/live").await.ok()[what].as_i64().expect("a number")
}

#[tokio::test]
async fn items_are_collected_and_told_as_progress() {
    each_hub(async |hub| {
        for client in [Client::new(hub), Client::older(hub, OLDER[1]).await] {
            let count = json!({ "operationId": "kit.count", "input": { "to": 5 } });
            let collected = client.output("call", count.clone()).await;
            assert_eq!(collected["items"].as_array().map(Vec::len), Some(5));
            assert_eq!(
                (&collected["items"][4], &collected["ended"]),
                (&json!({ "number": 4 }), &json!("completed"))
            );
            let answer = client.send(&client.following("call", &count)).await;
            assert_eq!(answer.headers["content-type"], "text/event-stream");
            let told = messages(&answer.body);
            assert_eq!(told.len(), 6, "{told:?}");
            for (number, progress) in told[..5].iter().enumerate() {
                assert_eq!(progress["method"], "notifications/progress");
                assert_eq!(progress["params"]["progressToken"], "p");
                assert_eq!(progress["params"]["progress"].as_f64(), Some(number as f64 + 1.0));
                assert_eq!(progress["params"]["message"], format!("{{\"number\":{number}}}"));
            }
            assert_eq!(told[5]["result"]["structuredContent"], collected);
            // By its own tool.
            assert_eq!(client.output("kit_count", json!({ "to": 5 })).await, collected);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_collected_is_bounded() {
    let small = |config: &mut Config| {
        config.mcp.collect_items = 10;
        config.mcp.collect_bytes = 1024;
        config.mcp.collect_for = Duration::from_secs(2);
    };
    each_hub_with(small, async |hub| {
        let client = Client::new(hub);
        let collect = async |input: serde_json::Value, collect: serde_json::Value| {
            let collected = client
                .output("call", json!({ "operationId": "kit.count", "input": input, "collect": collect }))
                .await;
            (collected["items"].as_array().expect("items").len(), collected["ended"].clone())
        };
        assert_eq!(collect(json!({ "to": 100 }), json!({})).await, (10, json!("items")));
        assert_eq!(collect(json!({ "to": 100 }), json!({ "items": 3 })).await, (3, json!("items")));
        assert_eq!(collect(json!({ "to": 100 }), json!({ "items": 5000 })).await, (10, json!("items")));
        let slow = json!({ "to": 100, "everyMs": 60_000 });
        assert_eq!(collect(slow.clone(), json!({ "seconds": 0.05 })).await, (0, json!("time")));
        assert_eq!(collect(slow, json!({ "seconds": 1e300 })).await, (0, json!("time")));
        until("the handlers are gone", PATIENCE, async || live(hub, "counts").await == 0).await;
        // A failure after some items does not lose them.
        let failed = client.call("kit_count", json!({ "to": 5, "failAt": 2 })).await;
        assert_eq!(failed["isError"], true);
        assert_eq!(failed["structuredContent"]["items"].as_array().map(Vec::len), Some(2));
        assert_eq!(failed["structuredContent"]["error"]["code"], "KIT_REFUSED");
        let failed = client.problem("kit_count", json!({ "to": 5, "failAt": 0 })).await;
        assert_eq!(failed["code"], "KIT_REFUSED");
    })
    .await;
}

#[tokio::test]
async fn a_notification_cancels_in_revisions_with_sessions() {
    each_hub(async |hub| {
        for version in OLDER {
            let client = Client::older(hub, version).await;
            let other = Client::older(hub, version).await;
            let message = client.following("kit_count", &json!({ "to": 100_000, "everyMs": 5 }));
            let response = client.request(Method::POST, Some(&message)).send().await.expect("an answer");
            let mut events = Events::of(response);
            events.next().await.expect("an event");
            // The same id in another session is another request.
            other.cancel(&message["id"]).await;
            events.next().await.expect("an event");
            assert_eq!(live(hub, "counts").await, 1);
            let twice = client.send(&message).await.json();
            assert_eq!(twice["error"]["code"], -32600, "{twice}");
            client.cancel(&message["id"]).await;
            until("the handler is gone", PATIENCE, async || live(hub, "counts").await == 0).await;
            let mut last = json!(null);
            while let Some((_, message)) = events.next().await {
                last = message;
            }
            assert_eq!(last["result"]["structuredContent"]["error"]["code"], "ABORTED", "{last}");
            // One that is answered as a whole.
            let message = client.calling(
                "call",
                &json!({ "operationId": "kit.count", "input": { "to": 1, "everyMs": 60_000 } }),
            );
            let (answer, ()) = tokio::join!(client.send(&message), async {
                until("it runs", PATIENCE, async || live(hub, "counts").await == 1).await;
                client.cancel(&message["id"]).await;
            });
            assert_eq!(answer.ok()["result"]["structuredContent"]["code"], "ABORTED");
            // The end of the session ends what runs in it.
            let message = client.calling(
                "call",
                &json!({ "operationId": "kit.count", "input": { "to": 1, "everyMs": 60_000 } }),
            );
            let (answer, ()) = tokio::join!(client.send(&message), async {
                until("it runs", PATIENCE, async || live(hub, "counts").await == 1).await;
                client.request(Method::DELETE, None).send().await.expect("an answer");
            });
            assert_eq!(answer.ok()["result"]["structuredContent"]["code"], "ABORTED");
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_cancels() {
    each_hub(async |hub| {
        let older = Client::older(hub, OLDER[2]).await;
        for (client, message) in [
            // Of the newest revision also where it was told of progress already.
            (&Client::new(hub), "following"),
            (&Client::new(hub), "calling"),
            (&older, "calling"),
        ] {
            let input = json!({ "operationId": "kit.count", "input": { "to": 100_000, "everyMs": 5 } });
            let message = match message {
                "following" => client.following("call", &input),
                _ => client.calling("call", &input),
            };
            let request = client.request(Method::POST, Some(&message)).send();
            let task = tokio::spawn(async move { request.await.map(|response| response.bytes_stream()) });
            until("it runs", PATIENCE, async || live(hub, "counts").await == 1).await;
            if task.is_finished() {
                drop(task.await);
            } else {
                task.abort();
                let _ = task.await;
            }
            until("the handler is gone", PATIENCE, async || live(hub, "counts").await == 0).await;
        }
    })
    .await;
}
