//! Idempotency keys over HTTP: one effect, one answer.

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    hub::{Answer, TestHub, each_hub, each_hub_with},
    until,
};

const BOUND: Duration = Duration::from_secs(30);

/// A request with the admin key and an idempotency key.
pub(super) async fn post(hub: &TestHub, path: &str, key: &str, body: &Value) -> Answer {
    Answer::of(hub.request(Method::POST, path).header("idempotency-key", key).json(body)).await
}

pub(super) fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

fn project(name: &str) -> Value {
    json!({ "name": name, "repository": "https://git.example/p" })
}

async fn live(hub: &TestHub, what: &str) -> i64 {
    hub.get("/api/kit/live").await.ok()[what].as_i64().expect("a number")
}

#[tokio::test]
async fn a_repetition_gets_the_same_answer() {
    each_hub(async |hub| {
        let first = post(hub, "/api/projects", "k-1", &project("a")).await;
        assert!(!is_replayed(&first));
        let again = post(hub, "/api/projects", "\"k-1\"", &project("a")).await;
        assert_eq!(first.ok(), again.ok());
        assert!(is_replayed(&again));
        // Other text, the same value.
        let body = r#"{ "repository": "https://git.example/p", "name": "a" }"#;
        let request = hub.request(Method::POST, "/api/projects").header("idempotency-key", "k-1");
        let respelled = Answer::of(request.header("content-type", "application/json").body(body)).await;
        assert_eq!(first.ok(), respelled.ok());
        post(hub, "/api/projects", "k-1", &project("b")).await.problem(422, "IDEMPOTENCY_KEY_REUSED");
        // Without the key, or with another, it is another call.
        hub.post("/api/projects", project("a")).await.problem(409, "PROJECT_EXISTS");
        post(hub, "/api/projects", "k-2", &project("a")).await.problem(409, "PROJECT_EXISTS");
        assert_eq!(hub.get("/api/projects").await.ok()["items"].as_array().map(Vec::len), Some(1));
    })
    .await;
}

/// Answers are stored as they are.
#[test]
fn no_operation_whose_answers_are_kept_answers_with_a_secret() {
    let kept: Vec<_> = alkhub_api::OPERATIONS.iter().filter(|operation| operation.idempotent).collect();
    assert!(!kept.is_empty());
    let secret = kept.iter().find(|operation| operation.output_schema.contains("x-secret"));
    assert_eq!(secret.map(|operation| operation.id), None);
    assert!(alkhub_api::key::create::DESCRIPTOR.output_schema.contains("x-secret"));
}

#[tokio::test]
async fn every_mutation_of_projects_honours_its_key() {
    each_hub(async |hub| {
        let made = post(hub, "/api/projects", "k", &project("a")).await.ok();
        let path = format!("/api/projects/{}", made["id"].as_str().expect("an id"));
        let change = |name: &str| {
            let request = hub.request(Method::PATCH, &path).header("idempotency-key", "k");
            Answer::of(request.json(&json!({ "name": name })))
        };
        // The key of another operation is another key.
        let renamed = change("b").await;
        hub.request(Method::PATCH, &path).json(&json!({ "name": "c" })).send().await.expect("an answer");
        let again = change("b").await;
        assert_eq!(renamed.ok(), again.ok());
        assert!(is_replayed(&again) && again.ok()["name"] == "b");
        assert_eq!(hub.get(&path).await.ok()["name"], "c");
        let archive = format!("{path}/archive");
        let archived = post(hub, &archive, "k", &json!({})).await.ok();
        let again = post(hub, &archive, "k", &json!({})).await;
        assert!(is_replayed(&again) && again.ok() == archived);
    })
    .await;
}

#[tokio::test]
async fn keys_of_different_callers_have_nothing_to_do_with_each_other() {
    each_hub(async |hub| {
        let other = hub.key(&["project:write"]).await;
        let first = post(hub, "/api/projects", "k", &project("a")).await.ok();
        let request = hub.request_as(&other, Method::POST, "/api/projects").header("idempotency-key", "k");
        let second = Answer::of(request.json(&project("b"))).await;
        assert_ne!(first["id"], second.ok()["id"]);
        // Who may not call learns nothing of what was answered.
        let reader = hub.key(&["project:read"]).await;
        let request = hub.request_as(&reader, Method::POST, "/api/projects").header("idempotency-key", "k");
        Answer::of(request.json(&project("a"))).await.problem(403, "ACCESS_DENIED");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    each_hub(async |hub| {
        for wrong in ["", "\"\"", "\"open", "two words", &"k".repeat(256)] {
            post(hub, "/api/projects", wrong, &project("a")).await.problem(400, "BAD_REQUEST");
        }
        let twice = hub.request(Method::POST, "/api/projects").header("idempotency-key", "a");
        let twice = twice.header("idempotency-key", "b").json(&project("a"));
        Answer::of(twice).await.problem(400, "BAD_REQUEST");
        post(hub, "/api/projects", &"k".repeat(255), &project("a")).await.ok();
    })
    .await;
}

#[tokio::test]
async fn answers_are_kept_and_failures_are_not() {
    each_hub(async |hub| {
        let spend =
            async |key: &str, how: &str| post(hub, "/api/kit/spend", key, &json!({ "how": how })).await;
        let refused = spend("d", "declared").await.problem(409, "KIT_REFUSED");
        let again = spend("d", "declared").await;
        assert_eq!(again.problem(409, "KIT_REFUSED")["details"], refused["details"]);
        assert!(is_replayed(&again));
        assert_eq!(live(hub, "spent").await, 1);
        for spent in [2, 3] {
            let failed = spend("i", "internal").await;
            failed.problem(500, "EXECUTION_ERROR");
            assert!(!is_replayed(&failed));
            assert_eq!(live(hub, "spent").await, spent);
        }
        // A faulty input is no use of the key.
        assert_eq!(spend("v", "badly").await.faults(), ["/how"]);
        assert!(!is_replayed(&spend("v", "well").await));
    })
    .await;
}

#[tokio::test]
async fn duplicates_at_once_in_two_processes_have_one_effect() {
    each_hub(async |hub| {
        let mut other = TestHub::start(hub.backend.clone(), |config| config.bootstrap_key = None).await;
        let body = json!({ "ms": 300 });
        let calls = (0..16).map(|number| {
            let hub = if number % 2 == 0 { &*hub } else { &other };
            post(hub, "/api/kit/spend", "k", &body)
        });
        let answers = futures::future::join_all(calls).await;
        let effects: BTreeSet<String> = answers.iter().map(|answer| answer.ok().to_string()).collect();
        assert_eq!(effects.len(), 1, "{effects:?}");
        assert_eq!(answers.iter().filter(|answer| !is_replayed(answer)).count(), 1);
        assert_eq!(live(hub, "spent").await + live(&other, "spent").await, 1);
        other.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_duplicate_does_not_wait_beyond_its_deadline() {
    each_hub_with(
        |config| config.limits.call_timeout = Duration::from_secs(60),
        async |hub| {
            let body = json!({ "ms": 600_000 });
            let first = tokio::spawn(
                hub.request(Method::POST, "/api/kit/spend").header("idempotency-key", "k").json(&body).send(),
            );
            until("the first runs", BOUND, async || live(hub, "spending").await == 1).await;
            let mut wire = crate::support::wire::Wire::connect(hub).await;
            let soon = alkhub_core::call::now_ms() + 200;
            let payload = json!({ "requestId": "r", "operationId": "kit.spend", "input": body,
                "deadline": soon, "metadata": { "idempotencyKey": "k" } });
            wire.send("call.requested", payload).await;
            assert_eq!(wire.next().await["payload"]["code"], "TIMEOUT");
            first.abort();
        },
    )
    .await;
}

#[tokio::test]
async fn a_call_with_a_key_goes_on_when_its_caller_leaves() {
    each_hub(async |hub| {
        let body = json!({ "ms": 500 });
        let leaving = tokio::spawn(
            hub.request(Method::POST, "/api/kit/spend").header("idempotency-key", "k").json(&body).send(),
        );
        until("it runs", BOUND, async || live(hub, "spending").await == 1).await;
        leaving.abort();
        let answer = post(hub, "/api/kit/spend", "k", &body).await;
        assert!(is_replayed(&answer), "{answer:?}");
        assert_eq!(live(hub, "spent").await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_kept_for_its_time() {
    each_hub_with(
        |config| config.idempotency.keep = Duration::from_millis(300),
        async |hub| {
            let first = post(hub, "/api/kit/spend", "k", &json!({})).await.ok();
            until("the key is free", BOUND, async || {
                let answer = post(hub, "/api/kit/spend", "k", &json!({})).await;
                assert_eq!(is_replayed(&answer), answer.ok() == first);
                !is_replayed(&answer)
            })
            .await;
            // Free for another input too.
            until("the key is free again", BOUND, async || {
                post(hub, "/api/kit/spend", "k", &json!({ "note": 1 })).await.status == 200
            })
            .await;
        },
    )
    .await;
}
