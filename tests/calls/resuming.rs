//! Runs of templates that were cut off and go on: an effect that happened is not repeated, though its record is lost.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::recorded;
use crate::support::{
    hub::{ADMIN, Answer, TestHub, each_hub},
    until,
    wire::{Wire, operation},
};

/// Stores a template that creates a project and then asks a spoke, which does not answer.
async fn stored(hub: &TestHub) -> Wire {
    let steps = json!([
        { "id": "make", "call": "project.create",
            "input": { "name": { "$from": "input", "pointer": "/name" }, "repository": "https://git.example/r" } },
        { "id": "ask", "call": "dev.work.ask", "after": ["make"] },
    ]);
    let wire = Wire::spoke(hub, ADMIN, "dev", &[operation("work", "ask", "query")]).await;
    let output = json!({ "$from": "steps.make" });
    let template =
        json!({ "name": "make", "shared": true, "definition": { "steps": steps, "output": output } });
    hub.post("/api/templates", template).await.ok();
    wire
}

/// Runs the template, cuts it off at its second step, and loses how the first one ended.
async fn cut_off(hub: &TestHub, spoke: &mut Wire, name: &str, key: Option<&str>) -> String {
    let request =
        hub.request(Method::POST, "/api/templates/make/run").json(&json!({ "input": { "name": name } }));
    let request = match key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    };
    let call = tokio::spawn(Answer::of(request));
    spoke.expect("call.requested").await;
    let mut id = String::new();
    until("the run is recorded", Duration::from_secs(60), async || {
        let page = hub.get("/api/calls?operationId=template.run&status=running").await.ok();
        id = page["items"][0]["requestId"].as_str().unwrap_or_default().to_owned();
        !id.is_empty()
    })
    .await;
    hub.post(&format!("/api/calls/{id}/abort"), json!({})).await.ok();
    spoke.expect("call.aborted").await;
    call.await.expect("answered").problem(499, "ABORTED");
    until("what it made is recorded", Duration::from_secs(60), async || {
        let tree = hub.get(&format!("/api/calls/{id}/tree")).await.ok();
        let calls = tree["calls"].as_array().expect("calls");
        calls.iter().any(|call| call["operationId"] == "project.create" && call["endedAt"].is_string())
            && calls[0]["endedAt"].is_string()
    })
    .await;
    // As if the process had died before it was written.
    let hex = id.replace('-', "");
    let parent = match hub.backend.name() {
        "Postgres" => format!("decode('{hex}', 'hex')"),
        _ => format!("x'{hex}'"),
    };
    for statement in [
        format!(
            "DELETE FROM call_bodies WHERE id IN (SELECT id FROM calls WHERE parent_id = {parent} AND operation = 'project.create')"
        ),
        format!(
            "UPDATE calls SET status = 'aborted', ended_at = ended_at + 60000 WHERE parent_id = {parent} AND operation = 'project.create'"
        ),
    ] {
        hub.backend.execute(&statement).await;
    }
    id
}

#[tokio::test]
async fn a_run_is_resumed_under_the_keys_that_it_had() {
    each_hub(async |hub| {
        let mut spoke = stored(hub).await;
        for (name, key) in [("bare", None), ("keyed", Some("once"))] {
            let id = cut_off(hub, &mut spoke, name, key).await;
            // Another caller has answers of its own by these keys, and would have the effect again.
            let other = hub.key(&["call:admin", "template:run", "project:write"]).await;
            let path = format!("/api/calls/{id}/replay");
            let refused = hub.post_as(&other, &path, json!({ "mode": "resume" })).await;
            let problem = refused.problem(409, "REPLAY_UNSAFE");
            assert_eq!(problem["details"]["operationId"], "project.create", "{problem}");
            let resumed = hub.request(Method::POST, &path).json(&json!({ "mode": "resume" }));
            let resumed = tokio::spawn(Answer::of(resumed));
            let asked = spoke.expect("call.requested").await;
            spoke.respond(&asked["requestId"], json!({})).await;
            let resumed = resumed.await.expect("answered").ok();
            assert_eq!(resumed["status"], "completed", "{name}: {resumed}");
            assert_eq!(resumed["output"]["output"]["name"], name, "{resumed}");
            let projects = hub.get(&format!("/api/projects?name={name}")).await.ok();
            assert_eq!(projects["items"].as_array().map(Vec::len), Some(1), "{projects}");
            // A fork makes all anew: with another name another project, and with the same one there is one already.
            let fork = async |body: Value| hub.post(&path, body).await.ok();
            let told = fork(json!({ "mode": "fork" })).await;
            assert_eq!(told["error"]["code"], "PROJECT_EXISTS", "{told}");
            let other = json!({ "mode": "fork", "input": { "name": "make", "input": { "name": format!("{name}-2") } } });
            let forked = hub.request(Method::POST, &path).json(&other);
            let forked = tokio::spawn(Answer::of(forked));
            let asked = spoke.expect("call.requested").await;
            spoke.respond(&asked["requestId"], json!({})).await;
            let forked = forked.await.expect("answered").ok();
            assert_eq!(forked["output"]["output"]["name"], format!("{name}-2"), "{forked}");
            // The same run under its key gives what was made, too.
            if let Some(key) = key {
                let again =
                    hub.request(Method::POST, "/api/templates/make/run").header("idempotency-key", key);
                let again = tokio::spawn(Answer::of(again.json(&json!({ "input": { "name": name } }))));
                let asked = spoke.expect("call.requested").await;
                spoke.respond(&asked["requestId"], json!({})).await;
                assert_eq!(again.await.expect("answered").ok()["output"], resumed["output"]["output"]);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_nothing_but_its_calls_is_resumed_below_another_with_the_same_care() {
    each_hub(async |hub| {
        let inner = json!([{ "id": "key", "call": "key.create", "input": { "name": "made", "scopes": [] } }]);
        let outer = json!([{ "id": "run", "call": "template.run", "input": { "name": "inner" } }]);
        for (name, steps) in [("inner", inner), ("outer", outer)] {
            hub.post("/api/templates", json!({ "name": name, "definition": { "steps": steps } })).await.ok();
        }
        hub.post("/api/templates/outer/run", json!({})).await.ok();
        let runs = recorded(hub, "template.run", 2).await;
        recorded(hub, "key.create", 1).await;
        // As if the process had died after the key was made, and before that was written.
        hub.backend.execute("DELETE FROM calls WHERE operation = 'key.create'").await;
        hub.backend.execute("UPDATE calls SET status = 'aborted' WHERE operation = 'template.run'").await;
        let root = runs.iter().find(|run| run["parentRequestId"] == Value::Null).expect("a root");
        let path = format!("/api/calls/{}/replay", root["requestId"].as_str().expect("an id"));
        let problem = hub.post(&path, json!({ "mode": "resume" })).await.problem(409, "REPLAY_UNSAFE");
        assert_eq!(problem["details"]["operationId"], "key.create", "{problem}");
        let made = hub.get("/api/keys").await.ok();
        let made = made["items"].as_array().expect("keys").iter().filter(|key| key["name"] == "made").count();
        assert_eq!(made, 1);
    })
    .await;
}
