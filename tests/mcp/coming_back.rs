//! Clients that lost their connection and come again, and notifications that they wait for.

use std::time::Duration;

use alkhub::config::Config;
use reqwest::Method;
use serde_json::json;

use super::client::{Client, Events, OLDER, refused};
use crate::support::{
    hub::{ADMIN, Answer, TestHub, each_hub, each_hub_with},
    until,
    wire::{Wire, operation},
};

const PATIENCE: Duration = Duration::from_secs(30);

async fn counts(hub: &TestHub) -> i64 {
    hub.get("/api/kit/live").await.ok()["counts"].as_i64().expect("a number")
}

async fn open(client: &Client, last: Option<&str>) -> Events {
    let mut request = client.request(Method::GET, None);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    Events::of(request.send().await.expect("an answer"))
}

#[tokio::test]
async fn an_answer_goes_on_where_it_broke_off() {
    each_hub(async |hub| {
        for version in OLDER {
            let client = Client::older(hub, version).await;
            let message = client.following("kit_count", &json!({ "to": 40, "everyMs": 20 }));
            let mut events =
                Events::of(client.request(Method::POST, Some(&message)).send().await.expect("an answer"));
            let mut seen = Vec::new();
            let mut last = String::new();
            for _ in 0..3 {
                let (id, progress) = events.next().await.expect("an event");
                seen.push(progress["params"]["progress"].as_f64().expect("a number"));
                last = id.expect("an id");
            }
            drop(events);
            // Nobody else may have it.
            let stranger = Client::older(hub, version).await;
            assert!(open(&stranger, Some(&last)).await.next().await.is_none());
            let other = Client {
                key: hub.key(&["kit:use"]).await,
                session: None,
                ..Client::older(hub, version).await
            };
            Answer::of(other.request(Method::GET, None).header("last-event-id", &last))
                .await
                .problem(400, "BAD_REQUEST");
            let mut events = open(&client, Some(&last)).await;
            let result = loop {
                let (id, message) = events.next().await.expect("an event");
                last = id.expect("an id");
                match message["params"]["progress"].as_f64() {
                    Some(number) => seen.push(number),
                    None => break message,
                }
            };
            assert_eq!(seen, (1..=40).map(f64::from).collect::<Vec<_>>());
            assert_eq!(result["id"], message["id"]);
            assert_eq!(result["result"]["structuredContent"]["ended"], "completed");
            assert!(events.next().await.is_none());
            // Also after the end, and from the beginning.
            assert!(open(&client, Some(&last)).await.next().await.is_none());
            let first = format!("{}.1", last.rsplit_once('.').expect("a number").0);
            let (_, second) = open(&client, Some(&first)).await.next().await.expect("an event");
            assert_eq!(second["params"]["progress"].as_f64(), Some(2.0));
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_whose_client_does_not_come_back_ends() {
    each_hub_with(
        |config: &mut Config| config.mcp.resume_for = Duration::from_millis(50),
        async |hub| {
            let client = Client::older(hub, OLDER[2]).await;
            let message = client.following("kit_count", &json!({ "to": 100_000, "everyMs": 10 }));
            let mut events =
                Events::of(client.request(Method::POST, Some(&message)).send().await.expect("an answer"));
            events.next().await.expect("an event");
            assert_eq!(counts(hub).await, 1);
            drop(events);
            until("the handler is gone", PATIENCE, async || counts(hub).await == 0).await;
        },
    )
    .await;
}

#[tokio::test]
async fn too_much_is_not_kept_and_the_calls_go_on() {
    each_hub_with(
        |config: &mut Config| config.mcp.resume_bytes = 2048,
        async |hub| {
            let client = Client::older(hub, OLDER[2]).await;
            let answer = client.send(&client.following("kit_count", &json!({ "to": 200 }))).await;
            let told = super::client::messages(&answer.body);
            assert_eq!(told.len(), 201);
            let first = answer.body.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id");
            assert!(open(&client, Some(first)).await.next().await.is_none(), "it was not kept");
        },
    )
    .await;
}

fn tool(name: &str) -> serde_json::Value {
    let mut tool = operation("a", name, "query");
    tool["mcp"] = "tool".into();
    tool
}

#[tokio::test]
async fn changed_tools_are_told_of() {
    each_hub(async |hub| {
        let client = Client::older(hub, OLDER[2]).await;
        let mut events = open(&client, None).await;
        let (first, _) = events.next().await.expect("the first event");
        // One that is no tool of its own changes nothing.
        let plain = Wire::spoke(hub, ADMIN, "plain", &[operation("a", "b", "query")]).await;
        let spoke = Wire::spoke(hub, ADMIN, "dev", &[tool("b"), tool("c")]).await;
        let (second, changed) = events.next().await.expect("an event");
        assert_eq!(changed["method"], "notifications/tools/list_changed");
        assert_ne!(first, second);
        let tools = client.tools().await;
        assert!(
            tools.contains(&"dev_a_b".to_owned()) && !tools.contains(&"plain_a_b".to_owned()),
            "{tools:?}"
        );
        drop(events);
        // Missed while away: told at once. Not missed: not told.
        let mut missed = open(&client, first.as_deref()).await;
        assert_eq!(missed.next().await.expect("the first event").1, json!(null));
        assert_eq!(missed.next().await.expect("an event").1["method"], "notifications/tools/list_changed");
        let mut current = open(&client, second.as_deref()).await;
        assert_eq!(current.next().await.expect("the first event").0, second);
        drop(spoke);
        let (third, _) = current.next().await.expect("an event");
        assert_eq!(third, first);
        drop(plain);
    })
    .await;
}

#[tokio::test]
async fn the_newest_revision_listens() {
    each_hub(async |hub| {
        let client = Client::new(hub);
        let params = json!({ "notifications": { "toolsListChanged": true, "resourcesListChanged": true } });
        let message = client.message("subscriptions/listen", params);
        let response = client.request(Method::POST, Some(&message)).send().await.expect("an answer");
        let mut events = Events::of(response);
        let (_, acknowledged) = events.next().await.expect("an event");
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged", "{acknowledged}");
        assert_eq!(acknowledged["params"]["notifications"], json!({ "toolsListChanged": true }));
        let _spoke = Wire::spoke(hub, ADMIN, "dev", &[tool("b")]).await;
        let (_, changed) = events.next().await.expect("an event");
        assert_eq!(changed["method"], "notifications/tools/list_changed");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_ends_ends_its_streams() {
    each_hub(async |hub| {
        let issued = hub.post("/api/keys", json!({ "name": "short", "scopes": ["kit:use"] })).await.ok();
        let client = Client {
            key: issued["token"].as_str().expect("a token").to_owned(),
            version: OLDER[2],
            ..Client::new(hub)
        };
        let mut events = open(&client, None).await;
        events.next().await.expect("the first event");
        let id = issued["key"]["id"].as_str().or_else(|| issued["id"].as_str()).expect("an id");
        let revoked = Answer::of(hub.request(Method::DELETE, &format!("/api/keys/{id}"))).await;
        assert!(revoked.status.is_success(), "{revoked:?}");
        assert!(events.next().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn an_ended_session_is_over() {
    each_hub(async |hub| {
        let client = Client::older(hub, OLDER[2]).await;
        let other = Client::older(hub, OLDER[2]).await;
        let mut events = open(&client, None).await;
        events.next().await.expect("the first event");
        let ended = client.request(Method::DELETE, None).send().await.expect("an answer");
        assert_eq!(ended.status(), 204);
        assert!(events.next().await.is_none(), "its streams end");
        refused(&client.send(&client.message("tools/list", json!({}))).await, 404, "NOT_FOUND");
        for method in [Method::GET, Method::DELETE] {
            Answer::of(client.request(method, None)).await.problem(404, "NOT_FOUND");
        }
        assert!(!other.tools().await.is_empty(), "another session goes on");
        assert!(!Client::older(hub, OLDER[2]).await.tools().await.is_empty(), "a new one begins");
    })
    .await;
}
