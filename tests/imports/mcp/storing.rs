//! What is stored of servers: checks, credentials, names.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    allow_loopback, call, import,
    server::{Scripted, Speaks},
};
use crate::support::{
    hub::{Answer, TestHub, each_hub, each_hub_with},
    until,
};

const LONG: std::time::Duration = std::time::Duration::from_secs(60);

async fn patch(hub: &TestHub, body: Value) -> Answer {
    Answer::of(hub.request(Method::PATCH, "/api/mcp-servers/srv").json(&body)).await
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    each_hub_with(allow_loopback, async |hub| {
        let (server, other) = (Scripted::start(Speaks::Old).await, Scripted::start(Speaks::New).await);
        let secrets = json!({ "bearer": "hunter2", "headers": { "X-Key": "hunter3" } });
        let added = import(hub, &server, secrets).await;
        assert_eq!(server.header("authorization").as_deref(), Some("Bearer hunter2"));
        assert_eq!(server.header("x-key").as_deref(), Some("hunter3"));
        assert_eq!((&added["hasBearer"], &added["headerNames"]), (&json!(true), &json!(["x-key"])));
        // What is not given stays.
        let changed = patch(hub, json!({ "bearer": "hunter4", "requiredScopes": ["srv:use"] })).await.ok();
        assert_eq!(server.header("authorization").as_deref(), Some("Bearer hunter4"));
        assert_eq!(server.header("x-key").as_deref(), Some("hunter3"));
        assert_eq!(changed["requiredScopes"], json!(["srv:use"]));
        let (with, without) = (hub.key(&["srv:use"]).await, hub.key(&["other"]).await);
        let body = json!({ "operationId": "srv.echo", "input": { "text": "x" } });
        hub.post_as(&with, "/api/call", body.clone()).await.ok();
        hub.post_as(&without, "/api/call", body).await.problem(403, "ACCESS_DENIED");
        // Another server does not get the credentials of this one.
        let moved = patch(hub, json!({ "url": other.url() })).await.ok();
        assert_eq!((&moved["hasBearer"], &moved["headerNames"]), (&json!(false), &json!([])));
        assert_eq!((other.header("authorization"), other.header("x-key")), (None, None));
        for path in ["/api/mcp-servers", "/api/mcp-servers/srv", "/api/events/log", "/api/audit"] {
            let text = hub.get(path).await.body;
            assert!(!text.contains("hunter"), "{path}: {text}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_reason() {
    each_hub_with(allow_loopback, async |hub| {
        let server = Scripted::start(Speaks::New).await;
        let add = async |input: Value| hub.post("/api/mcp-servers", input).await;
        assert_eq!(add(json!({ "name": "srv" })).await.faults(), ["/url"]);
        assert_eq!(add(json!({ "name": "Srv", "url": server.url() })).await.faults(), ["/name"]);
        let both = json!({ "name": "srv", "url": server.url(), "stdio": { "command": "/bin/cat" } });
        assert_eq!(add(both).await.faults(), ["/url"]);
        let program = json!({ "name": "srv", "stdio": { "command": "/bin/cat" } });
        assert_eq!(add(program).await.faults(), ["/stdio"]);
        let own = json!({ "name": "srv", "url": server.url(), "headers": { "Mcp-Session-Id": "x" } });
        assert_eq!(add(own).await.faults(), ["/headers/mcp-session-id"]);
        add(json!({ "name": "project", "url": server.url() })).await.problem(409, "SERVICE_EXISTS");
        add(json!({ "name": "srv", "url": "http://127.0.0.1:1/mcp" })).await.problem(503, "UNAVAILABLE");
        hub.get("/api/mcp-servers/srv").await.problem(404, "SERVICE_NOT_FOUND");
        let page = json!({ "name": "srv", "url": format!("{}/healthz", hub.url) });
        let strange = add(page).await;
        assert!(strange.status.is_server_error() && strange.body.contains("MCP server"), "{strange:?}");
        add(json!({ "name": "srv", "url": server.url() })).await.ok();
        add(json!({ "name": "srv", "url": server.url() })).await.problem(409, "SERVICE_EXISTS");
        let listed = hub.get("/api/mcp-servers").await.ok();
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(listed["items"][0]["status"]["phase"], "ready");

        let tried = hub.post("/api/test/mcp-server", json!({ "url": server.url() })).await.ok();
        assert_eq!(
            (&tried["protocol"], tried["tools"].as_array().map(Vec::len)),
            (&json!("2026-07-28"), Some(8))
        );
        assert_eq!(
            tried["tools"][0],
            json!({ "tool": "add.two", "operation": "add_two", "description": "Adds." })
        );
        assert_eq!(
            hub.post("/api/test/mcp-server", json!({ "name": "srv" })).await.ok()["server"],
            "scripted 1.2.3"
        );
        hub.post("/api/test/mcp-server", json!({ "name": "none" })).await.problem(404, "SERVICE_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn private_servers_are_for_the_operator_to_allow() {
    each_hub(async |hub| {
        let server = Scripted::start(Speaks::New).await;
        for url in [
            server.url(),
            format!("http://localhost:{}/mcp", server.address.port()),
            format!("http://[::ffff:127.0.0.1]:{}/mcp", server.address.port()),
            "http://169.254.169.254/latest/meta-data".to_owned(),
        ] {
            let answer = hub.post("/api/mcp-servers", json!({ "name": "srv", "url": url })).await;
            answer.problem(403, "OUTBOUND_REFUSED");
        }
        assert_eq!(server.header("host"), None, "it was never asked");
        call(hub, "srv.echo", json!({ "text": "x" })).await.problem(404, "OPERATION_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn what_happens_to_services_is_in_the_log() {
    each_hub_with(allow_loopback, async |hub| {
        let server = Scripted::start(Speaks::Old).await;
        import(hub, &server, json!({})).await;
        patch(hub, json!({ "pin": true })).await.ok();
        Answer::of(hub.request(Method::DELETE, "/api/mcp-servers/srv")).await.ok();
        patch(hub, json!({ "pin": false })).await.problem(404, "SERVICE_NOT_FOUND");
        until("all of it is told", LONG, async || {
            let events = hub.get("/api/events/log?types=service.*").await.ok();
            let items = events["items"].as_array().expect("items");
            let told: Vec<_> = items.iter().filter_map(|item| item["type"].as_str()).collect();
            told == ["service.added", "service.updated", "service.removed"]
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn tools_are_for_holders_of_a_scope_unless_said_otherwise() {
    each_hub_with(allow_loopback, async |hub| {
        let server = Scripted::start(Speaks::New).await;
        let added = import(hub, &server, json!({})).await;
        assert_eq!(added["requiredScopes"], json!(["srv:call"]));
        let input = json!({ "operationId": "srv.echo", "input": { "text": "hi" } });
        let [with, without] = [hub.key(&["srv:call"]).await, hub.key(&["kit:use"]).await];
        hub.post_as(&with, "/api/call", input.clone()).await.ok();
        hub.post_as(&without, "/api/call", input.clone()).await.problem(403, "ACCESS_DENIED");
        patch(hub, json!({ "requiredScopes": [] })).await.ok();
        until("everybody may call", LONG, async || {
            hub.post_as(&without, "/api/call", input.clone()).await.status.is_success()
        })
        .await;
    })
    .await;
}
