//! Request ids, trace context, metrics, compression.

use reqwest::Method;
use serde_json::json;

use crate::support::hub::{Answer, each_hub, each_hub_with};

#[tokio::test]
async fn a_trace_goes_through_nested_calls() {
    each_hub(async |hub| {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = hub
            .request(Method::POST, "/api/call")
            .header("traceparent", parent)
            .json(&json!({ "operationId": "kit.whoami" }));
        let answer = Answer::of(request).await.ok();
        let inner = answer["data"]["traceparent"].as_str().expect("a trace");
        assert_eq!(inner[..36], parent[..36], "the same trace");
        assert_ne!(inner, parent, "another span");
        // Nonsense is ignored, not an error.
        Answer::of(hub.request(Method::GET, "/api/info").header("traceparent", "x")).await.ok();
    })
    .await;
}

#[tokio::test]
async fn metrics_count_calls_and_ask_for_a_scope() {
    each_hub(async |hub| {
        hub.get("/api/kit/echo?text=a").await.ok();
        hub.anonymous(Method::GET, "/metrics").await.problem(401, "ACCESS_DENIED");
        let reader = hub.key(&["metrics:read"]).await;
        let text = hub.get_as(&reader, "/metrics").await.body;
        assert!(text.contains("alkhub_calls_total{code=\"ok\",operation=\"kit.echo\"} 1"), "{text}");
    })
    .await;
    each_hub_with(
        |config| config.metrics.public = true,
        async |hub| assert_eq!(hub.anonymous(Method::GET, "/metrics").await.status, 200),
    )
    .await;
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    each_hub(async |hub| {
        let request = |encoding: &'static str| {
            hub.request(Method::GET, "/openapi.json").header("accept-encoding", encoding).send()
        };
        let packed = request("br;q=0, gzip").await.expect("an answer");
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        let packed = packed.bytes().await.expect("a body");
        let plain = request("identity").await.expect("an answer");
        assert!(plain.headers().get("content-encoding").is_none());
        let plain = plain.bytes().await.expect("a body");
        assert!(packed.len() * 3 < plain.len(), "{} of {}", packed.len(), plain.len());
        let small = hub.request(Method::GET, "/api/info").header("accept-encoding", "gzip").send().await;
        assert!(small.expect("an answer").headers().get("content-encoding").is_none());
    })
    .await;
}

#[tokio::test]
async fn other_origins_are_let_in_only_where_configured() {
    let preflight = |hub: &crate::support::hub::TestHub| {
        let request = hub.client.request(Method::OPTIONS, format!("{}/api/info", hub.url));
        request.header("origin", "https://app.example").header("access-control-request-method", "GET").send()
    };
    each_hub(async |hub| {
        let answer = preflight(hub).await.expect("an answer");
        assert!(answer.headers().get("access-control-allow-origin").is_none());
    })
    .await;
    each_hub_with(
        |config| config.cors.allowed_origins = vec!["https://app.example".to_owned()],
        async |hub| {
            let answer = preflight(hub).await.expect("an answer");
            assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.example");
            let other =
                hub.client.get(format!("{}/api/info", hub.url)).header("origin", "https://evil.example");
            assert!(
                other.send().await.expect("an answer").headers().get("access-control-allow-origin").is_none()
            );
        },
    )
    .await;
}
