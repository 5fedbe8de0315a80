//! Several processes: what is imported by one is served by all, and a change is told once.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::json;

use super::{
    allow_loopback, call, import,
    server::{Scripted, Speaks},
};
use crate::support::{database::Backend, hub::TestHub, redis::RedisServer, until};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn all_processes_serve_what_one_imports() {
    for backend in Backend::all().await {
        let backend = Arc::new(backend);
        let mut one = TestHub::start(backend.clone(), allow_loopback).await;
        let mut two = TestHub::start(backend, allow_loopback).await;
        let server = Scripted::start(Speaks::New).await;
        import(&one, &server, json!({ "pin": true })).await;
        until("the other serves it", LONG, async || {
            call(&two, "srv.echo", json!({ "text": "hi" })).await.status.is_success()
        })
        .await;
        server.change(|tools| tools[0]["description"] = "Other words.".into());
        for hub in [&one, &two] {
            until("it is refused", LONG, async || {
                call(hub, "srv.echo", json!({ "text": "hi" })).await.status.as_u16() == 409
            })
            .await;
        }
        until("the change is told", LONG, async || {
            let events = one.get("/api/events/log?types=service.changed").await.ok();
            events["items"].as_array().is_some_and(|items| !items.is_empty())
        })
        .await;
        let events = one.get("/api/events/log?types=service.changed").await.ok();
        assert_eq!(events["items"].as_array().map(Vec::len), Some(1), "{events}");
        let path = "/api/mcp-servers/srv";
        two.request(reqwest::Method::PATCH, path)
            .json(&json!({ "approve": true }))
            .send()
            .await
            .expect("an answer");
        two.request(reqwest::Method::DELETE, path).send().await.expect("an answer");
        until("it is gone", LONG, async || {
            call(&one, "srv.echo", json!({ "text": "hi" })).await.status.as_u16() == 404
        })
        .await;
        two.stop().await;
        one.stop().await;
    }
}

#[tokio::test]
async fn a_refresh_reaches_every_process() {
    let Some(redis) = RedisServer::start(None).await else { return };
    for backend in Backend::all().await {
        let backend = Arc::new(backend);
        let with = |config: &mut alkhub::config::Config| {
            allow_loopback(config);
            config.redis.url = Some(redis.url().into());
        };
        let mut one = TestHub::start(backend.clone(), with).await;
        let mut two = TestHub::start(backend, with).await;
        for hub in [&one, &two] {
            until("the bus works", LONG, async || hub.get("/readyz").await.json()["bus"] == "ok").await;
        }
        let server = Scripted::start(Speaks::New).await;
        import(&one, &server, json!({})).await;
        until("the other serves it", LONG, async || {
            call(&two, "srv.echo", json!({ "text": "hi" })).await.status.is_success()
        })
        .await;
        // Past the looks that each takes soon after it has connected.
        let listed = || server.script.listed.load(Ordering::SeqCst);
        until("both have looked once more", LONG, async || listed() >= 5).await;
        // A change that the server tells nobody of.
        server.script.change_quietly(|tools| tools[0]["description"] = "Other words.".into());
        one.post("/api/mcp-servers/srv/refresh", json!({})).await.ok();
        for hub in [&one, &two] {
            until("it is known", LONG, async || {
                hub.get("/api/operations/srv.echo").await.ok()["description"] == "Other words."
            })
            .await;
        }
        two.stop().await;
        one.stop().await;
    }
}
