//! Requests in the provider's own dialect: bytes in, bytes out.

use std::time::Duration;

use alkhub::config::Config;
use futures::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    PATIENCE, SECRETS, caller, chat, data, each, each_with, message, streamed, text, upstream::Fault, usage,
};
use crate::support::{hub::Answer, until};

#[tokio::test]
async fn bodies_pass_through_but_for_the_model() {
    each(async |hub, upstream| {
        let (key, _) = caller(hub).await;
        let body = r#"{ "zeta" : 1.50, "model":"open/gpt-4o-mini","messages":[{"role":"user","content":"\u00fc"}],"unheard_of":{"a":[ 1,2 ]}}"#;
        let request = hub.request_as(&key, Method::POST, "/v1/chat/completions");
        let answer = Answer::of(request.header("content-type", "application/json").body(body)).await;
        assert_eq!(answer.ok()["unheard_of"]["kept"], true);
        let got = upstream.got().pop().expect("a request");
        assert_eq!(got.body, body.replace("open/gpt-4o-mini", "gpt-4o-mini"));
        assert_eq!(got.path, "/v1/chat/completions");
        assert_eq!(got.headers["authorization"], format!("Bearer {}", SECRETS[0]));
        for (name, value) in [("provider", "open"), ("model", "open/gpt-4o-mini"), ("attempts", "1")] {
            assert_eq!(answer.headers[format!("x-alkhub-{name}")], value);
        }
        let cost = answer.headers["x-alkhub-cost"].to_str().expect("text").parse::<f64>().expect("a number");
        assert!((cost - (11.0 * 0.15 + 4.0 * 0.6) / 1e6).abs() < 1e-12, "{cost}");

        let request = hub.client.post(format!("{}/v1/messages", hub.url)).header("x-api-key", &key);
        let request = request.header("anthropic-version", "2023-06-01").header("anthropic-beta", "some-beta");
        let answer = Answer::of(request.json(&message("anth/claude-haiku-4-5"))).await;
        assert_eq!(answer.ok()["content"][0]["text"], "Hello from claude-haiku-4-5");
        let got = upstream.got().pop().expect("a request");
        assert_eq!((&got.headers["x-api-key"], &got.headers["anthropic-beta"]), (&SECRETS[1].parse().expect("a value"), &"some-beta".parse().expect("a value")));
        assert!(!got.headers.contains_key("authorization"));
        assert!(answer.headers.contains_key("request-id"));

        for (path, body) in [
            ("/v1/responses", json!({ "model": "open/gpt-4o-mini", "input": "Hi" })),
            ("/v1/embeddings", json!({ "model": "open/text-embedding-3-small", "input": "Hi" })),
            ("/v1/messages/count_tokens", message("anth/claude-haiku-4-5")),
            ("/v1/messages/count_tokens", message("open/gpt-4o-mini")),
        ] {
            hub.post_as(&key, path, body).await.ok();
        }
        let used = usage(hub, 4).await;
        assert!(used.iter().all(|used| used["status"] == "ok" && used["estimated"] == false), "{used:?}");
    })
    .await;
}

#[tokio::test]
async fn streams_pass_through_and_are_accounted() {
    each(async |hub, upstream| {
        let (key, _) = caller(hub).await;
        let answer = hub.post_as(&key, "/v1/chat/completions", streamed(chat("open/gpt-4o-mini"))).await;
        let events = data(&answer);
        assert_eq!(text(&events), "Hello from gpt-4o-mini");
        assert!(answer.body.ends_with("data: [DONE]\n\n"));
        // Usage was asked for on the hub's behalf, and stays there.
        assert!(events.iter().all(|event| event["usage"].is_null()));
        assert!(upstream.got()[0].body.contains("include_usage"));

        let mut wanted = streamed(chat("open/gpt-4o-mini"));
        wanted["stream_options"] = json!({ "include_usage": true });
        let events = data(&hub.post_as(&key, "/v1/chat/completions", wanted).await);
        assert_eq!(events.last().expect("a chunk")["usage"]["completion_tokens"], 4);

        let events =
            data(&hub.post_as(&key, "/v1/messages", streamed(message("anth/claude-haiku-4-5"))).await);
        assert_eq!(events.last().expect("an event")["type"], "message_stop");
        let response = streamed(json!({ "model": "open/gpt-4o-mini", "input": "Hi" }));
        let events = data(&hub.post_as(&key, "/v1/responses", response).await);
        assert_eq!(events.last().expect("an event")["type"], "response.completed");
        for used in usage(hub, 4).await {
            assert_eq!((&used["inputTokens"], &used["outputTokens"]), (&json!(11), &json!(4)), "{used}");
            assert_eq!((&used["status"], &used["estimated"]), (&json!("ok"), &json!(false)), "{used}");
            assert!(used["costUsd"].as_f64().expect("a number") > 0.0);
        }
        let metrics = hub.get("/metrics").await.body;
        assert!(
            metrics.contains(
                "alkhub_llm_requests_total{model=\"gpt-4o-mini\",provider=\"open\",status=\"ok\"} 3"
            ),
            "{metrics}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_providers_stream_and_is_accounted() {
    each(async |hub, upstream| {
        upstream.fails([Fault::Endless]);
        let request =
            hub.request(Method::POST, "/v1/chat/completions").json(&streamed(chat("open/gpt-4o-mini")));
        let mut body = request.send().await.expect("an answer").bytes_stream();
        for _ in 0..5 {
            body.next().await.expect("a part").expect("a part");
        }
        assert_eq!(upstream.streaming(), 1);
        drop(body);
        until("the provider's stream ends", PATIENCE, async || upstream.streaming() == 0).await;
        let used = usage(hub, 1).await;
        assert_eq!((&used[0]["status"], &used[0]["estimated"]), (&json!("aborted"), &json!(true)));
        assert!(used[0]["outputTokens"].as_i64().expect("a number") >= 1);

        upstream.fails([Fault::Slow(Duration::from_secs(600))]);
        let request = hub.request(Method::POST, "/v1/chat/completions").json(&chat("open/gpt-4o-mini"));
        let waiting = tokio::spawn(request.send());
        until("the provider is asked", PATIENCE, async || upstream.got().len() == 2).await;
        waiting.abort();
        assert_eq!(usage(hub, 2).await[0]["status"], "aborted");
    })
    .await;
}

#[tokio::test]
async fn stopping_lets_streams_finish() {
    let slow = |config: &mut Config| config.server.shutdown_grace = Duration::from_secs(60);
    each_with(slow, async |hub, upstream| {
        upstream.fails([Fault::Slow(Duration::from_millis(500))]);
        let request =
            hub.request(Method::POST, "/v1/chat/completions").json(&streamed(chat("open/gpt-4o-mini")));
        let running = tokio::spawn(async move { Answer::of(request).await });
        until("the provider is asked", PATIENCE, async || upstream.got().len() == 1).await;
        assert!(hub.stop().await);
        assert_eq!(text(&data(&running.await.expect("an answer"))), "Hello from gpt-4o-mini");
        assert_eq!(hub.backend.count("SELECT COUNT(*) AS count FROM llm_usage WHERE status = 'ok'").await, 1);
        assert_eq!(hub.backend.count("SELECT COUNT(*) AS count FROM llm_reservations").await, 0);
    })
    .await;
}

#[tokio::test]
async fn who_may_not_call_is_told_so_in_its_dialect() {
    each(async |hub, _| {
        let scopeless = hub.key(&["nothing:at-all"]).await;
        for (path, body, anthropic) in [
            ("/v1/chat/completions", chat("open/gpt-4o-mini"), false),
            ("/v1/messages", message("anth/claude-haiku-4-5"), true),
        ] {
            let url = format!("{}{path}", hub.url);
            let strange = Answer::of(hub.client.post(&url).json(&body)).await;
            assert_eq!(strange.status, StatusCode::UNAUTHORIZED);
            let short = hub.post_as(&scopeless, path, body).await;
            assert_eq!(short.status, StatusCode::FORBIDDEN);
            for (answer, kind) in [(strange, "authentication_error"), (short, "permission_error")] {
                assert_eq!(answer.headers["content-type"], "application/json");
                let error = answer.json();
                assert_eq!(error["error"]["type"], kind, "{error}");
                assert_eq!(error["type"] == "error", anthropic, "{error}");
            }
        }
        for (body, status, code, param) in [
            (json!({}), 400, json!("VALIDATION_ERROR"), json!("model")),
            (chat("nobody/has-it"), 404, json!("model_not_found"), Value::Null),
            (json!({ "model": "open/x", "stream": "yes" }), 400, json!("VALIDATION_ERROR"), Value::Null),
        ] {
            let answer = hub.post("/v1/chat/completions", body).await;
            let error = answer.json();
            assert_eq!(answer.status.as_u16(), status, "{error}");
            assert_eq!((&error["error"]["code"], &error["error"]["param"]), (&code, &param), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn other_transports_call_the_operations() {
    each(async |hub, _| {
        let (key, _) = caller(hub).await;
        for (operation, input) in [
            ("llm.chat", chat("open/gpt-4o-mini")),
            ("llm.message", message("open/gpt-4o-mini")),
            ("llm.respond", json!({ "model": "anth/claude-haiku-4-5", "input": "Hi" })),
            ("llm.embed", json!({ "model": "open/text-embedding-3-small", "input": "Hi" })),
        ] {
            let call = json!({ "operationId": operation, "input": input });
            let envelope = hub.post_as(&key, "/api/call", call).await.ok();
            assert!(envelope["data"]["model"].is_string(), "{envelope}");
        }
        let call = json!({ "operationId": "llm.chat", "input": streamed(chat("open/gpt-4o-mini")) });
        assert_eq!(hub.post_as(&key, "/api/call", call).await.faults(), ["/stream"]);
    })
    .await;
}

#[tokio::test]
async fn models_are_listed_in_both_dialects() {
    each(async |hub, _| {
        let (key, id) = caller(hub).await;
        let list = hub.get_as(&key, "/v1/models").await.ok();
        assert_eq!((&list["object"], list["data"].as_array().map(Vec::len)), (&json!("list"), Some(4)));
        let one = hub.get_as(&key, "/v1/models/open/gpt-4o-mini").await.ok();
        assert_eq!((&one["id"], &one["owned_by"]), (&json!("open/gpt-4o-mini"), &json!("open")));
        assert_eq!(hub.get_as(&key, "/v1/models/no/such").await.status, 404);
        let request = hub.client.get(format!("{}/v1/models", hub.url)).header("x-api-key", &key);
        let list = Answer::of(request.header("anthropic-version", "2023-06-01")).await.ok();
        assert_eq!((&list["has_more"], &list["data"][0]["type"]), (&json!(false), &json!("model")));
        let policy = json!({ "policy": { "models": ["open/*"] } });
        Answer::of(super::put(hub, &format!("/api/llm/keys/{id}"), &policy)).await.ok();
        assert_eq!(hub.get_as(&key, "/v1/models").await.ok()["data"].as_array().map(Vec::len), Some(2));
    })
    .await;
}
