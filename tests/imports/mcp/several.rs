//! Several processes: what is imported by one is served by all, and a change is told once.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{
    allow_loopback, call, import,
    server::{Scripted, Speaks},
};
use crate::support::{database::Backend, hub::TestHub, until};

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
