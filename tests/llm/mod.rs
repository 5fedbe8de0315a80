//! The proxy to language models, against a provider that does as it is told.

mod exporting;
mod failing;
mod killed;
mod money;
mod passing;
mod process;
mod routing;
mod secrets;
mod translating;
mod upstream;

use std::time::Duration;

use alkhub::config::Config;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use self::upstream::Upstream;
use crate::support::{
    hub::{Answer, TestHub, each_hub_with},
    until,
};

/// For a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Keys of the provider, which nobody but the provider may ever see.
const SECRETS: [&str; 2] = ["sk-upstream-secret-one-4711", "sk-upstream-secret-two-0815"];

/// A hub with providers `open` (OpenAI) and `anth` (Anthropic), both at one upstream.
async fn each(test: impl AsyncFn(&mut TestHub, &Upstream)) {
    each_with(|_| {}, test).await;
}

async fn each_with(change: impl Fn(&mut Config), test: impl AsyncFn(&mut TestHub, &Upstream)) {
    let upstream = Upstream::start().await;
    each_hub_with(
        |config| {
            settings(config);
            change(config);
        },
        async |hub| {
            providers(hub, &upstream).await;
            test(hub, &upstream).await;
            upstream.forget();
        },
    )
    .await;
}

/// What lets a hub on Postgres keep keys and reach the upstream.
fn settings(config: &mut Config) {
    config.secrets.master_key = Some("a master key for tests".to_owned().into());
    config.outbound.allow = vec!["127.0.0.0/8".parse().expect("a network")];
    // A machine that is busy must not make a process count by itself.
    config.rate.patience = std::time::Duration::from_secs(20);
}

async fn providers(hub: &TestHub, upstream: &Upstream) {
    for (name, kind, key) in [("open", "openai", SECRETS[0]), ("anth", "anthropic", SECRETS[1])] {
        let provider = json!({
            "name": name, "kind": kind, "baseUrl": upstream.url, "apiKey": key,
            "models": ["gpt-4o-mini", format!("{name}-model")],
        });
        hub.post("/api/providers", provider).await.ok();
    }
}

fn chat(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hi" }] })
}

fn message(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 50, "messages": [{ "role": "user", "content": "Hi" }] })
}

fn streamed(mut body: Value) -> Value {
    body["stream"] = true.into();
    body
}

/// The data of a stream's events.
fn data(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.headers["content-type"].to_str().expect("text").starts_with("text/event-stream"),
        "{answer:?}"
    );
    let lines = answer.body.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter(|line| *line != "[DONE]").map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The text of a chat's stream.
fn text(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

fn put(hub: &TestHub, path: &str, body: &Value) -> RequestBuilder {
    hub.request(Method::PUT, path).json(body)
}

/// Usage, once so many requests have been settled.
async fn usage(hub: &TestHub, count: usize) -> Vec<Value> {
    let mut items = Vec::new();
    until("usage is written", PATIENCE, async || {
        items = hub.get("/api/usage?limit=200").await.ok()["items"].as_array().expect("items").clone();
        items.len() >= count
    })
    .await;
    assert_eq!(items.len(), count, "{items:?}");
    items
}

/// A key that may ask models, and its id.
async fn caller(hub: &TestHub) -> (String, String) {
    let issued = hub.post("/api/keys", json!({ "name": "caller", "scopes": ["llm:invoke"] })).await.ok();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    (text(&issued["token"]), text(&issued["key"]["id"]))
}
