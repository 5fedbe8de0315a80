//! Clients whose requests go to several processes of a hub: none is pinned to one.

use std::{sync::Arc, time::Duration};

use alkhub::config::Config;
use reqwest::Method;
use serde_json::json;

use super::client::{Client, Events, OLDER, refused};
use crate::support::{
    database::Backend,
    hub::TestHub,
    redis::{PATIENCE, RedisServer},
    until,
};

async fn counts(hub: &TestHub) -> i64 {
    hub.get("/api/kit/live").await.ok()["counts"].as_i64().expect("a number")
}

/// The same client, with its session, at another process.
fn at(client: &Client, hub: &TestHub) -> Client {
    let elsewhere = Client::as_key(hub, &client.key);
    Client { session: client.session.clone(), version: client.version, ..elsewhere }
}

#[tokio::test]
async fn a_session_works_cancels_and_resumes_at_every_process() {
    let Some(server) = RedisServer::start(None).await else { return };
    for backend in Backend::all().await {
        let backend = Arc::new(backend);
        let with = |config: &mut Config| config.redis.url = Some(server.url().into());
        let mut one = TestHub::start(backend.clone(), with).await;
        let mut two = TestHub::start(backend.clone(), with).await;
        for hub in [&one, &two] {
            until("the bus works", PATIENCE, async || hub.get("/readyz").await.json()["bus"] == "ok").await;
        }
        for version in OLDER {
            let here = Client::older(&one, version).await;
            let there = at(&here, &two);
            assert_eq!(there.output("kit_echo", json!({ "text": "x" })).await["text"], "x");
            // Cancelled at the other one.
            let message = here.following("kit_count", &json!({ "to": 100_000, "everyMs": 5 }));
            let mut events =
                Events::of(here.request(Method::POST, Some(&message)).send().await.expect("an answer"));
            events.next().await.expect("an event");
            there.cancel(&message["id"]).await;
            until("the handler is gone", PATIENCE, async || counts(&one).await == 0).await;
            // Resumed at the other one.
            let message = here.following("kit_count", &json!({ "to": 60, "everyMs": 20 }));
            let mut events =
                Events::of(here.request(Method::POST, Some(&message)).send().await.expect("an answer"));
            events.next().await.expect("an event");
            let (last, _) = events.next().await.expect("an event");
            drop(events);
            let request = there.request(Method::GET, None).header("last-event-id", last.expect("an id"));
            let mut events = Events::of(request.send().await.expect("an answer"));
            let mut seen = Vec::new();
            let result = loop {
                let (_, message) = events.next().await.expect("an event");
                match message["params"]["progress"].as_f64() {
                    Some(number) => seen.push(number),
                    None => break message,
                }
            };
            assert_eq!(seen, (3..=60).map(f64::from).collect::<Vec<_>>());
            assert_eq!(result["result"]["structuredContent"]["ended"], "completed");
            assert!(events.next().await.is_none());
            // Ended at the other one.
            let message = here.calling(
                "call",
                &json!({ "operationId": "kit.count", "input": { "to": 1, "everyMs": 60_000 } }),
            );
            let (answer, ()) = tokio::join!(here.send(&message), async {
                until("it runs", PATIENCE, async || counts(&one).await == 1).await;
                there.request(Method::DELETE, None).send().await.expect("an answer");
            });
            assert_eq!(answer.ok()["result"]["structuredContent"]["code"], "ABORTED");
            // And over, for both.
            refused(&there.send(&there.calling("kit_echo", &json!({ "text": "x" }))).await, 404, "NOT_FOUND");
            until("the session is over", PATIENCE, async || {
                here.send(&here.calling("kit_echo", &json!({ "text": "x" }))).await.status == 404
            })
            .await;
        }
        tokio::time::timeout(Duration::from_secs(60), one.stop()).await.expect("stopped");
        two.stop().await;
    }
}
