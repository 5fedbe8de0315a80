//! Servers that go, and come back.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    allow_loopback, call, import,
    server::{BOTH, Scripted, Speaks, usual},
};
use crate::support::{
    hub::{ADMIN, TestHub, each_hub_with},
    until,
    wire::Wire,
};

const LONG: Duration = Duration::from_secs(60);

async fn phase(hub: &TestHub, phase: &str) {
    until("the phase", LONG, async || hub.get("/api/mcp-servers/srv").await.ok()["status"]["phase"] == phase)
        .await;
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_at_once_and_comes_back() {
    each_hub_with(allow_loopback, async |hub| {
        for speaks in BOTH {
            let server = Scripted::start(speaks).await;
            let address = server.address;
            import(hub, &server, json!({})).await;
            drop(server);
            until("the loss is known", LONG, async || {
                call(hub, "srv.echo", json!({ "text": "hi" })).await.status.as_u16() == 503
            })
            .await;
            phase(hub, "unavailable").await;
            let begun = Instant::now();
            let away = call(hub, "srv.echo", json!({ "text": "hi" })).await;
            away.problem(503, "UNAVAILABLE");
            assert!(away.headers.contains_key("retry-after"), "{away:?}");
            // Not the time that a connection or an answer is waited for.
            assert!(begun.elapsed() < Duration::from_secs(5));
            // Its operations are there nonetheless, and the hub does its other work.
            hub.get("/api/operations/srv.echo").await.ok();
            hub.get("/api/projects").await.ok();
            let server = Scripted::start_at(speaks, address, usual(), 100).await;
            until("it is back", LONG, async || {
                call(hub, "srv.echo", json!({ "text": "hi" })).await.status.is_success()
            })
            .await;
            phase(hub, "ready").await;
            drop(server);
            hub.request(reqwest::Method::DELETE, "/api/mcp-servers/srv").send().await.expect("an answer");
        }
    })
    .await;
}

#[tokio::test]
async fn refresh_does_not_wait_for_the_next_attempt() {
    each_hub_with(allow_loopback, async |hub| {
        let server = Scripted::start(Speaks::Old).await;
        let address = server.address;
        import(hub, &server, json!({})).await;
        drop(server);
        let refresh = async || hub.post("/api/mcp-servers/srv/refresh", json!({})).await.ok();
        until("the loss is known", LONG, async || refresh().await["status"]["phase"] == "unavailable").await;
        let mut tools = usual();
        tools.push(json!({ "name": "more", "inputSchema": { "type": "object" } }));
        let _server = Scripted::start_at(Speaks::Old, address, tools, 100).await;
        let back = refresh().await;
        assert_eq!((&back["status"]["phase"], &back["changed"]), (&json!("ready"), &json!(1)), "{back}");
    })
    .await;
}

#[tokio::test]
async fn a_hub_starts_without_its_servers() {
    for backend in crate::support::database::Backend::all().await {
        let backend = std::sync::Arc::new(backend);
        let mut hub = TestHub::start(backend.clone(), allow_loopback).await;
        let server = Scripted::start(Speaks::New).await;
        let address = server.address;
        import(&hub, &server, json!({ "pin": true })).await;
        hub.stop().await;
        drop(server);
        let mut hub = TestHub::start(backend, allow_loopback).await;
        // From the first moment its name is no spoke's, whose operations would be taken for the server's.
        let mut spoke = Wire::connect_as(&hub, ADMIN).await;
        let refused = spoke.call("r", "hub.register", json!({ "spokeId": "srv", "spokeType": "dev" })).await;
        assert_eq!(refused["payload"]["code"], "SPOKE_ID_TAKEN", "{refused}");
        phase(&hub, "unavailable").await;
        call(&hub, "srv.echo", json!({ "text": "hi" })).await.problem(503, "UNAVAILABLE");
        let _server = Scripted::start_at(Speaks::New, address, usual(), 100).await;
        until("it is there", LONG, async || {
            call(&hub, "srv.echo", json!({ "text": "hi" })).await.status.is_success()
        })
        .await;
        hub.stop().await;
    }
}
