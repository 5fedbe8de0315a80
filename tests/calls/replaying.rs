//! Recorded calls that run again: verified, forked, and what cannot be.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::recorded;
use crate::support::{
    hub::{ADMIN, TestHub, each_hub},
    until,
    wire::{Wire, asking, operation},
};

const STEPS: [&str; 5] =
    ["dev.work.ask", "dev.work.change", "dev.work.ask", "dev.work.change", "dev.work.ask"];

async fn spoke(hub: &TestHub) -> Wire {
    let offered = [operation("work", "ask", "query"), operation("work", "change", "mutation")];
    Wire::spoke(hub, ADMIN, "dev", &offered).await
}

/// A workflow of five calls that was recorded, and what the spoke was asked.
async fn worked(hub: &TestHub, spoke: &mut Wire) -> (String, Vec<Value>) {
    let call = asking(hub, "kit.workflow", &json!({ "steps": STEPS }));
    let mut asked = Vec::new();
    for number in 0..STEPS.len() {
        let request = spoke.expect("call.requested").await;
        asked.push(request["input"].clone());
        spoke.respond(&request["requestId"], json!({ "answer": number })).await;
    }
    call.await.expect("answered").ok();
    let id = recorded(hub, "kit.workflow", 1).await[0]["requestId"].as_str().expect("an id").to_owned();
    (id, asked)
}

async fn tree(hub: &TestHub, id: &str) -> Vec<Value> {
    hub.get(&format!("/api/calls/{id}/tree")).await.ok()["calls"].as_array().expect("calls").clone()
}

#[tokio::test]
async fn a_workflow_verifies_a_hundred_times_and_a_changed_handler_is_caught_where_it_changed() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        let (id, asked) = worked(hub, &mut spoke).await;
        let path = format!("/api/calls/{id}/replay");
        let mut last = Value::Null;
        for _ in 0..100 {
            last = hub.post(&path, json!({ "mode": "verify" })).await.ok();
            assert_eq!(last["deterministic"], true, "{last}");
            assert_eq!((&last["answered"], &last["made"]), (&json!(5), &json!(0)), "{last}");
            assert_eq!(last["status"], "completed");
        }
        let again = last["requestId"].as_str().expect("an id");
        until("the last replay is recorded", Duration::from_secs(60), async || {
            hub.get(&format!("/api/calls/{again}")).await.json()["call"]["endedAt"].is_string()
        })
        .await;
        let shown = hub.get(&format!("/api/calls/{again}")).await.ok();
        assert_eq!(shown["call"]["replayOf"], id.as_str());
        let (was, is) = (tree(hub, &id).await, tree(hub, again).await);
        assert_eq!((was.len(), is.len()), (6, 6));
        for (was, is) in was.iter().zip(&is) {
            assert_eq!((&is["operationId"], &is["replayOf"]), (&was["operationId"], &was["requestId"]));
        }
        // A replay of a replay has the same time, randomness and ids.
        let told = hub.post(&format!("/api/calls/{again}/replay"), json!({ "mode": "verify" })).await.ok();
        assert_eq!(told["deterministic"], true, "{told}");

        hub.post("/api/kit/turn", json!({ "at": 3 })).await.ok();
        let told = hub.post(&path, json!({ "mode": "verify" })).await.ok();
        assert_eq!(told["deterministic"], false, "{told}");
        let divergence = &told["divergence"];
        assert_eq!((&divergence["kind"], &divergence["position"]), (&json!("call"), &json!(3)));
        assert_eq!(divergence["parentRequestId"], id.as_str());
        assert_eq!(divergence["recorded"]["requestId"], was[4]["requestId"]);
        assert_eq!(divergence["recorded"]["input"], asked[3]);
        assert_eq!(divergence["actual"]["operationId"], "dev.work.change");
        assert_eq!(divergence["actual"]["input"]["changed"], true);
        let problem = hub.post(&path, json!({ "mode": "resume" })).await.problem(409, "REPLAY_DIVERGED");
        assert_eq!(problem["details"]["divergence"]["position"], 3, "{problem}");
        // Nothing of all this reached the spoke.
        spoke.expect_open().await;
    })
    .await;
}

#[tokio::test]
async fn a_fork_makes_all_from_a_call_on_with_another_input() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        let (id, asked) = worked(hub, &mut spoke).await;
        let from = tree(hub, &id).await[4]["requestId"].clone();
        let body = json!({ "mode": "fork", "from": from, "input": { "other": 1 } });
        let forking = tokio::spawn(crate::support::hub::Answer::of(
            hub.request(Method::POST, &format!("/api/calls/{id}/replay")).json(&body),
        ));
        let request = spoke.expect("call.requested").await;
        assert_eq!(request["input"], json!({ "other": 1 }));
        spoke.respond(&request["requestId"], json!("forked")).await;
        let request = spoke.expect("call.requested").await;
        assert_eq!((&request["input"]["last"], &request["input"]["step"]), (&json!("forked"), &json!(4)));
        assert_eq!(request["input"]["at"], asked[4]["at"]);
        spoke.respond(&request["requestId"], json!("end")).await;
        let told = forking.await.expect("answered").ok();
        assert_eq!((&told["answered"], &told["made"]), (&json!(3), &json!(2)), "{told}");
        assert_eq!(told["output"]["results"][4], "end");
        assert_eq!(told["output"]["results"][2], json!({ "answer": 2 }));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_replayed_says_why_and_who_may_not_is_not_told() {
    each_hub(async |hub| {
        let mut spoke = spoke(hub).await;
        let (id, _) = worked(hub, &mut spoke).await;
        let path = format!("/api/calls/{id}/replay");
        let verify = json!({ "mode": "verify" });
        for scopes in [&["kit:use"][..], &["call:read", "kit:use"]] {
            let other = hub.key(scopes).await;
            hub.post_as(&other, &path, verify.clone()).await.problem(404, "CALL_NOT_FOUND");
        }
        let other = hub.key(&["call:admin"]).await;
        hub.post_as(&other, &path, verify.clone()).await.problem(403, "ACCESS_DENIED");
        let other = hub.key(&["call:admin", "kit:use"]).await;
        let told = hub.post_as(&other, &path, verify.clone()).await.ok();
        assert_eq!(told["deterministic"], true, "{told}");
        hub.post(&path, json!({ "mode": "verify", "input": {} })).await.problem(422, "VALIDATION_ERROR");
        let body = json!({ "mode": "fork", "from": "0199f0a2-7b1c-7cc3-9a55-0d6c7d3a1b2c" });
        let problem = hub.post(&path, body).await.problem(409, "REPLAY_IMPOSSIBLE");
        assert_eq!(problem["details"]["reason"], "unknownNode");

        let made =
            hub.post("/api/projects", json!({ "name": "n", "repository": "https://git.example/n" })).await;
        let alone = made.headers["x-request-id"].to_str().expect("an id").to_owned();
        recorded(hub, "project.create", 1).await;
        let served =
            recorded(hub, "dev.work.change", 2).await[0]["requestId"].as_str().expect("id").to_owned();
        for (id, reason) in [(alone, "notComposed"), (served, "servedElsewhere")] {
            let answer = hub.post(&format!("/api/calls/{id}/replay"), verify.clone()).await;
            let problem = answer.problem(409, "REPLAY_IMPOSSIBLE");
            assert_eq!(problem["details"]["reason"], reason, "{problem}");
        }
        spoke.expect_open().await;
        // An answer with a secret in it is not kept, so it cannot be given again.
        let call = asking(hub, "kit.workflow", &json!({ "steps": ["dev.work.ask"] }));
        let request = spoke.expect("call.requested").await;
        spoke.respond(&request["requestId"], json!({ "apiKey": "s" })).await;
        let answered = call.await.expect("answered");
        let calls = recorded(hub, "kit.workflow", 3).await;
        let id = calls[0]["requestId"].as_str().expect("an id");
        answered.ok();
        let problem =
            hub.post(&format!("/api/calls/{id}/replay"), verify).await.problem(409, "REPLAY_IMPOSSIBLE");
        assert_eq!(problem["details"]["reason"], "cut", "{problem}");
        assert_eq!(problem["details"]["operationId"], "dev.work.ask");
    })
    .await;
}
