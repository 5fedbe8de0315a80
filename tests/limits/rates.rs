//! Rate limits over real sockets.

use alkhub::{
    config::Config,
    rate::{OperationQuota, Quota},
};
use reqwest::Method;
use serde_json::json;

use crate::support::{
    hub::{ADMIN, Answer, TestHub, each_hub, each_hub_with},
    wire::Wire,
};

/// Windows are so long that no test sees one end.
pub(super) fn quota(calls: u64) -> Quota {
    Quota::parse(&format!("{calls}/20h")).expect("a rate")
}

pub(super) fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

/// The item `r` of the field `RateLimit`.
#[track_caller]
pub(super) fn remaining(answer: &Answer, policy: &str) -> u64 {
    let value = header(answer, "ratelimit");
    let rest = value.strip_prefix(&format!("\"{policy}\";r=")).unwrap_or_else(|| panic!("{answer:?}"));
    let (left, reset) = rest.split_once(";t=").expect("a reset");
    assert!(reset.parse::<u64>().is_ok(), "{value}");
    left.parse().expect("a number")
}

#[tokio::test]
async fn without_a_limit_nothing_is_said_of_one() {
    each_hub(async |hub| {
        let answer = hub.get("/api/projects").await;
        answer.ok();
        assert_eq!((header(&answer, "ratelimit"), header(&answer, "ratelimit-policy")), ("", ""));
        // The default limit of who comes without a key.
        let answer = hub.anonymous(Method::GET, "/api/info").await;
        assert!(remaining(&answer, "address") < 6000);
        assert_eq!(header(&answer, "ratelimit-policy"), "\"address\";q=6000;w=60");
    })
    .await;
}

#[tokio::test]
async fn a_key_has_its_quota_on_every_transport() {
    each_hub_with(
        |config: &mut Config| config.rate.key = quota(5),
        async |hub| {
            let other = hub.key(&["project:read", "kit:use"]).await;
            for left in (0..5).rev() {
                let answer = hub.get_as(&other, "/api/projects").await;
                answer.ok();
                assert_eq!(remaining(&answer, "key"), left);
                assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=5;w=72000");
            }
            let refused = hub.get_as(&other, "/api/projects").await;
            let problem = refused.problem(429, "RATE_LIMITED");
            let seconds: u64 = header(&refused, "retry-after").parse().expect("seconds");
            assert!((1..=72_000 / 5).contains(&seconds), "{seconds}");
            assert_eq!(problem["details"], json!({ "policy": "key", "retryAfter": seconds }));
            assert_eq!(remaining(&refused, "key"), 0);
            let mut wire = Wire::connect_as(hub, &other).await;
            let answer = wire.call("r", "kit.live", json!({})).await;
            assert_eq!(answer["payload"]["code"], "RATE_LIMITED", "{answer}");
            assert_eq!(answer["payload"]["details"]["policy"], "key");
            // Another key has a quota of its own; of the admin's, one call made the key.
            assert_eq!(remaining(&hub.get("/api/projects").await, "key"), 3);
        },
    )
    .await;
}

#[tokio::test]
async fn what_a_caller_may_not_call_costs_it_nothing() {
    each_hub_with(
        |config: &mut Config| config.rate.key = quota(2),
        async |hub| {
            let other = hub.key(&["project:read"]).await;
            for _ in 0..4 {
                hub.post_as(&other, "/api/projects", json!({})).await.problem(403, "ACCESS_DENIED");
            }
            assert_eq!(remaining(&hub.get_as(&other, "/api/projects").await, "key"), 1);
            // Before validation: to send nonsense is to call.
            let nonsense = hub.get_as(&other, "/api/projects?limit=x").await;
            assert_eq!((nonsense.status.as_u16(), remaining(&nonsense, "key")), (422, 0));
        },
    )
    .await;
}

#[tokio::test]
async fn an_operation_may_have_a_quota_of_its_own() {
    let limit = |text: &str| OperationQuota::parse(text).expect("a limit");
    each_hub_with(
        |config: &mut Config| {
            config.rate.key = quota(3);
            config.rate.operations = vec![limit("kit.echo=2/20h"), limit("kit.*=off")];
        },
        async |hub| {
            let echo = async || hub.get("/api/kit/echo?text=a").await;
            assert_eq!(remaining(&echo().await, "kit.echo"), 1);
            // Through the gateway too, which itself is a call of the key.
            let body = json!({ "operationId": "kit.echo", "input": { "text": "a" } });
            let answer = hub.post("/api/call", body.clone()).await;
            answer.ok();
            assert_eq!(remaining(&answer, "kit.echo"), 0);
            echo().await.problem(429, "RATE_LIMITED");
            let refused = hub.post("/api/call", body).await;
            refused.problem(429, "RATE_LIMITED");
            assert!(!header(&refused, "retry-after").is_empty());
            for _ in 0..5 {
                assert_eq!(header(&hub.get("/api/kit/live").await, "ratelimit"), "");
            }
            assert_eq!(remaining(&hub.get("/api/projects").await, "key"), 0);
        },
    )
    .await;
}

#[tokio::test]
async fn a_batch_is_not_a_way_to_call_more_often() {
    each_hub_with(
        |config: &mut Config| config.rate.key = quota(4),
        async |hub| {
            let calls = vec![json!({ "operationId": "kit.live" }); 5];
            let answer = hub.post("/api/batch", json!({ "calls": calls })).await.ok();
            let results = answer["results"].as_array().expect("results");
            let refused = results.iter().filter(|result| result["error"]["code"] == "RATE_LIMITED").count();
            assert_eq!(refused, 2, "{answer}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_gateway_that_costs_nothing_does_not_make_what_it_calls_free() {
    let limit = |text: &str| OperationQuota::parse(text).expect("a limit");
    each_hub_with(
        |config: &mut Config| {
            config.rate.key = quota(6);
            config.rate.operations = vec![limit("hub.*=off"), limit("kit.echo=1/20h")];
        },
        async |hub| {
            let left = async || remaining(&hub.get("/api/projects").await, "key");
            assert_eq!(left().await, 5);
            let body = json!({ "operationId": "kit.live" });
            let answer = hub.post("/api/call", body.clone()).await;
            answer.ok();
            assert_eq!(remaining(&answer, "key"), 4);
            // A gateway in the gateway, and what has a quota of its own.
            let nested = json!({ "operationId": "hub.call", "input": body });
            assert_eq!(remaining(&hub.post("/api/call", nested).await, "key"), 3);
            let echo = json!({ "operationId": "kit.echo", "input": { "text": "a" } });
            assert_eq!(remaining(&hub.post("/api/call", echo.clone()).await, "kit.echo"), 0);
            hub.post("/api/call", echo).await.problem(429, "RATE_LIMITED");
            let answer = hub.post("/api/batch", json!({ "calls": [body, body] })).await;
            assert_eq!(header(&answer, "ratelimit"), "");
            assert_eq!(left().await, 0);
            let refused = hub.post("/api/batch", json!({ "calls": [body] })).await.ok();
            assert_eq!(refused["results"][0]["error"]["code"], "RATE_LIMITED", "{refused}");
            hub.post("/api/call", body).await.problem(429, "RATE_LIMITED");
            let ticks = json!({ "operationId": "hub.watch", "input": { "count": 1 } });
            assert_eq!(hub.post("/api/subscribe", ticks).await.status, 200, "that is one of hub.*");
        },
    )
    .await;
}

#[tokio::test]
async fn refused_credentials_count_against_the_address() {
    each_hub_with(
        |config: &mut Config| config.rate.anonymous = quota(4),
        async |hub: &mut TestHub| {
            let wrong = ADMIN.replace('0', "1");
            assert_eq!(remaining(&hub.anonymous(Method::GET, "/api/info").await, "address"), 3);
            let refused = hub.get_as(&wrong, "/api/projects").await;
            refused.problem(401, "ACCESS_DENIED");
            assert_eq!(remaining(&refused, "address"), 2);
            hub.anonymous(Method::GET, "/api/projects").await.problem(401, "ACCESS_DENIED");
            hub.get_as(&wrong, "/metrics").await.problem(401, "ACCESS_DENIED");
            for path in ["/api/projects", "/metrics"] {
                let refused = hub.get_as(&wrong, path).await;
                refused.problem(429, "RATE_LIMITED");
                assert!(!header(&refused, "retry-after").is_empty());
            }
            let refused = Wire::try_connect(&hub.url, &wrong).await.map(drop);
            let status = match refused {
                Err(tokio_tungstenite::tungstenite::Error::Http(response)) => response.status().as_u16(),
                other => panic!("{other:?}"),
            };
            assert_eq!(status, 429);
            hub.anonymous(Method::GET, "/api/info").await.problem(429, "RATE_LIMITED");
            // Who has a key is not held to account for others at its address.
            hub.get("/api/projects").await.ok();
        },
    )
    .await;
}

#[tokio::test]
async fn behind_a_proxy_the_client_is_whom_the_proxy_saw() {
    each_hub_with(
        |config: &mut Config| {
            config.rate.anonymous = quota(1);
            config.rate.proxies = 1;
        },
        async |hub| {
            let from = async |forwarded: &str| {
                let request = hub.client.get(format!("{}/api/info", hub.url));
                Answer::of(request.header("x-forwarded-for", forwarded)).await.status.as_u16()
            };
            assert_eq!(from("10.0.0.1").await, 200);
            assert_eq!(from("9.9.9.9, 10.0.0.1").await, 429);
            assert_eq!(from("10.0.0.2").await, 200);
        },
    )
    .await;
}
