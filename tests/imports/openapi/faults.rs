//! Services that are slow, large, elsewhere or in the way.

use std::time::Duration;

use alkhub::config::Config;
use poem::{Body, Response, http::StatusCode};
use serde_json::json;

use super::service::{Service, add, call, open, reply};
use crate::support::hub::{each_hub, each_hub_with};

fn redirect(to: &str) -> Response {
    Response::builder().status(StatusCode::FOUND).header("location", to).finish()
}

#[tokio::test]
async fn redirects_take_no_credentials_elsewhere() {
    let elsewhere = Service::yes().await;
    let target = format!("{}/there", elsewhere.url);
    let service = Service::start(move |seen| match seen.target.as_str() {
        "/near" => redirect("/end"),
        "/far" => redirect(&target),
        "/private" => redirect("http://169.254.169.254/latest/meta-data"),
        "/loop" => redirect("/loop"),
        "/post" => redirect("/end"),
        _ => reply("application/json", "{\"end\":true}"),
    })
    .await;
    let get = |name: &str| json!({ "get": { "operationId": name } });
    let document = service
        .document(json!({ "/near": get("near"), "/far": get("far"), "/private": get("private"),
        "/loop": get("loop"), "/post": { "post": { "operationId": "post" } } }));
    each_hub_with(open, async |hub| {
        let auth = json!({ "auth": { "type": "bearer", "token": "a-long-token" }, "headers": { "X-Own": "own-header-value" } });
        add(hub, "svc", document.clone(), auth).await;
        assert_eq!(call(hub, "svc.near", json!({})).await.ok()["data"]["end"], true);
        assert_eq!(service.last().header("authorization"), Some("Bearer a-long-token"));
        call(hub, "svc.far", json!({})).await.ok();
        let seen = elsewhere.last();
        assert_eq!((seen.target.as_str(), seen.header("authorization"), seen.header("x-own")), ("/there", None, None));
        call(hub, "svc.private", json!({})).await.problem(403, "OUTBOUND_REFUSED");
        call(hub, "svc.loop", json!({})).await.problem(500, "EXECUTION_ERROR");
        let post = call(hub, "svc.post", json!({})).await;
        assert_eq!((post.status.as_u16(), &post.json()["details"]["status"]), (502, &json!(302)), "what changes something is sent once");
    })
    .await;
}

#[tokio::test]
async fn the_private_network_is_not_reached() {
    let service = Service::yes().await;
    let document = service.document(json!({ "/a": { "get": { "operationId": "a" } } }));
    each_hub(async |hub| {
        let add = async |input| hub.post("/api/openapi", input).await;
        add(json!({ "name": "svc", "url": format!("{}/openapi.json", service.url) }))
            .await
            .problem(403, "OUTBOUND_REFUSED");
        add(json!({ "name": "svc", "document": document })).await.problem(403, "OUTBOUND_REFUSED");
        for base in [
            "http://127.0.0.1:1",
            "http://[::ffff:7f00:1]/",
            "http://2130706433/",
            "http://169.254.169.254/",
            "http://u:p@example.org/",
        ] {
            add(json!({ "name": "svc", "document": document, "baseUrl": base }))
                .await
                .problem(403, "OUTBOUND_REFUSED");
        }
        assert_eq!(
            add(json!({ "name": "svc", "document": document, "baseUrl": "ftp://a.example/" })).await.faults(),
            ["/baseUrl"]
        );
        // A name that leads there is found out where it is resolved.
        let named = json!({ "name": "named", "document": document, "baseUrl": "http://localhost:1/" });
        assert_eq!(add(named).await.ok()["status"]["phase"], "ready");
        call(hub, "named.a", json!({})).await.problem(403, "OUTBOUND_REFUSED");
        assert_eq!(service.count(), 0);
    })
    .await;
}

fn narrow(config: &mut Config) {
    open(config);
    config.outbound.response_bytes = 64 * 1024;
}

#[tokio::test]
async fn slow_and_giant_answers_are_bounded() {
    let service = Service::start(|seen| {
        let endless = || {
            let chunks = futures::stream::repeat_with(|| {
                Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b'x'; 8192]))
            });
            Body::from_bytes_stream(chunks)
        };
        match seen.target.as_str() {
            "/slow" => reply(
                "text/plain",
                Body::from_bytes_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>()),
            ),
            "/endless" => reply("text/plain", endless()),
            "/event" => reply("text/event-stream", endless()),
            "/error" => {
                let mut response = reply("text/plain", endless());
                response.set_status(StatusCode::BAD_GATEWAY);
                response
            }
            _ => reply("text/plain", "x".repeat(100 * 1024)),
        }
    })
    .await;
    let get = |name: &str| json!({ "get": { "operationId": name } });
    let document = service.document(json!({ "/slow": get("slow"), "/endless": get("endless"), "/large": get("large"), "/error": get("error"),
        "/event": { "get": { "operationId": "event", "responses": { "200": { "description": "", "content": { "text/event-stream": {} } } } } } }));
    each_hub_with(narrow, async |hub| {
        add(hub, "svc", document.clone(), json!({ "timeoutMs": 30_000 })).await;
        for name in ["endless", "large"] {
            call(hub, &format!("svc.{name}"), json!({})).await.problem(500, "EXECUTION_ERROR");
        }
        let error = call(hub, "svc.error", json!({})).await;
        assert_eq!(error.status, 502);
        let stream = hub.post("/api/subscribe", json!({ "operationId": "svc.event", "input": {} })).await;
        assert!(stream.body.contains("an event is larger than"), "{stream:?}");
        hub.request(reqwest::Method::PATCH, "/api/openapi/svc")
            .json(&json!({ "timeoutMs": 300 }))
            .send()
            .await
            .expect("changed");
        call(hub, "svc.slow", json!({})).await.problem(503, "UNAVAILABLE");
    })
    .await;
}

#[tokio::test]
async fn a_service_that_is_away() {
    let gone = {
        let service = Service::yes().await;
        service.document(json!({ "/a": { "get": { "operationId": "a" } } }))
    };
    each_hub_with(open, async |hub| {
        add(hub, "svc", gone.clone(), json!({})).await;
        // The port is free a moment after the service was dropped.
        let reached = async || call(hub, "svc.a", json!({})).await.status != 503;
        crate::support::until("the service is away", Duration::from_secs(20), async || !reached().await)
            .await;
        call(hub, "svc.a", json!({})).await.problem(503, "UNAVAILABLE");
        let tried = hub.post("/api/test/openapi", json!({ "name": "svc" })).await.ok();
        assert_eq!(
            (&tried["answer"]["reached"], tried["operations"].as_array().map(Vec::len)),
            (&json!(false), Some(1))
        );
    })
    .await;
}
