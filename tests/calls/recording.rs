//! What is recorded of calls, whoever makes them.

use reqwest::Method;
use serde_json::{Value, json};

use super::recorded;
use crate::support::{
    hub::{ADMIN, Answer, each_hub, each_hub_with},
    wire::{Wire, asking, operation},
};

#[tokio::test]
async fn a_call_is_recorded_with_what_it_was_given_and_answered() {
    each_hub(async |hub| {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let body = json!({ "name": "hub", "repository": "https://git.example/hub" });
        let request = hub.request(Method::POST, "/api/projects").header("traceparent", trace);
        let made = Answer::of(request.header("x-alkhub-session", "s1").json(&body)).await;
        let id = made.headers["x-request-id"].to_str().expect("an id").to_owned();
        let call = &recorded(hub, "project.create", 1).await[0];
        assert_eq!(call["requestId"], *id);
        assert_eq!(call["rootRequestId"], *id);
        assert_eq!(call["status"], "completed");
        assert_eq!(call["transport"], "http");
        assert_eq!(call["session"], "s1");
        assert_eq!(call["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(call["identity"], "testadmintestadmin");
        let shown = hub.get(&format!("/api/calls/{id}")).await.ok();
        assert_eq!(shown["input"]["state"], "whole");
        assert_eq!(shown["input"]["value"]["name"], "hub");
        assert_eq!(shown["output"]["value"], made.ok());
        // The same name once more fails, and that is recorded, too.
        hub.post("/api/projects", body).await;
        let call = &recorded(hub, "project.create", 2).await[0];
        if call["status"] == "failed" {
            assert!(call["error"]["code"].is_string(), "{call}");
        }
        let failed = hub.post("/api/projects", json!({ "nam": "secret" })).await;
        let id = failed.problem(422, "VALIDATION_ERROR")["requestId"].as_str().expect("an id").to_owned();
        recorded(hub, "project.create", 3).await;
        let shown = hub.get(&format!("/api/calls/{id}")).await.ok();
        assert_eq!(shown["call"]["error"]["code"], "VALIDATION_ERROR");
        assert_eq!(shown["input"]["state"], "none", "what is not valid may hold anything");
    })
    .await;
}

#[tokio::test]
async fn calls_of_calls_are_a_tree() {
    each_hub(async |hub| {
        let mut a = Wire::spoke(hub, ADMIN, "a", &[operation("work", "outer", "query")]).await;
        let mut b = Wire::spoke(hub, ADMIN, "b", &[operation("work", "inner", "query")]).await;
        let call = asking(hub, "a.work.outer", &json!({}));
        let outer = a.expect("call.requested").await;
        for id in ["n1", "n2"] {
            let nested = json!({
                "requestId": id, "operationId": "b.work.inner", "input": { "id": id }, "parentRequestId": outer["requestId"]
            });
            a.send("call.requested", nested).await;
            let inner = b.expect("call.requested").await;
            b.respond(&inner["requestId"], json!(id)).await;
            a.expect("call.responded").await;
        }
        a.respond(&outer["requestId"], json!("outer")).await;
        call.await.expect("answered").ok();
        let inner = recorded(hub, "b.work.inner", 2).await;
        let top = &recorded(hub, "a.work.outer", 1).await[0];
        let tree = hub.get(&format!("/api/calls/{}/tree", top["requestId"].as_str().expect("id"))).await.ok();
        let ids = |calls: &Value| -> Vec<Value> {
            calls.as_array().expect("calls").iter().map(|call| call["requestId"].clone()).collect()
        };
        assert_eq!(ids(&tree["calls"]), [top["requestId"].clone(), inner[1]["requestId"].clone(), inner[0]["requestId"].clone()]);
        assert_eq!(tree["complete"], true);
        // The gateway that was asked is no node: what it called came in where it was asked.
        let surfaces: Vec<_> = tree["calls"].as_array().expect("calls").iter().map(|call| call["transport"].clone()).collect();
        assert_eq!(surfaces[0], "http", "{tree}");
        assert!(inner.iter().all(|call| call["parentRequestId"] == top["requestId"] && call["spoke"] == "b"));
        let last = inner[0]["requestId"].as_str().expect("id");
        let path = hub.get(&format!("/api/calls/{last}/path")).await.ok();
        assert_eq!(ids(&path["calls"]), [top["requestId"].clone(), inner[0]["requestId"].clone()]);
        let shown = hub.get(&format!("/api/calls/{last}")).await.ok();
        assert_eq!((&shown["input"]["value"]["id"], &shown["output"]["value"]), (&json!("n2"), &json!("n2")));
        let half = hub.get(&format!("/api/calls/{}/tree?limit=2", top["requestId"].as_str().expect("id"))).await.ok();
        assert_eq!((ids(&half["calls"]).len(), &half["complete"]), (2, &json!(false)));
    })
    .await;
}

#[tokio::test]
async fn callers_see_their_own_calls_and_what_these_led_to() {
    each_hub(async |hub| {
        let (mine, other) = (hub.key(&["project:read"]).await, hub.key(&["project:read"]).await);
        let reader = hub.key(&["call:read"]).await;
        let answer = hub.get_as(&mine, "/api/projects").await;
        let id = answer.headers["x-request-id"].to_str().expect("an id").to_owned();
        recorded(hub, "project.list", 1).await;
        let path = format!("/api/calls/{id}");
        hub.get_as(&mine, &path).await.ok();
        hub.get_as(&reader, &path).await.ok();
        hub.get_as(&other, &path).await.problem(404, "CALL_NOT_FOUND");
        hub.anonymous(Method::GET, &path).await.problem(404, "CALL_NOT_FOUND");
        let count = async |key: &str| {
            hub.get_as(key, "/api/calls?operationId=project.list").await.ok()["items"]
                .as_array()
                .map(Vec::len)
        };
        assert_eq!(
            (count(&mine).await, count(&other).await, count(&reader).await),
            (Some(1), Some(0), Some(1))
        );
        hub.get_as(&other, &format!("{path}/tree")).await.problem(404, "CALL_NOT_FOUND");
        hub.post_as(&other, &format!("{path}/abort"), json!({})).await.problem(404, "CALL_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn calls_say_what_they_depend_on_and_a_cycle_is_an_error() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        let first = hub.get("/api/projects").await.headers["x-request-id"].to_str().expect("id").to_owned();
        let mut ask = async |id: &str, on: Value| {
            let request = json!({
                "requestId": id, "operationId": "project.list", "input": {}, "metadata": { "dependsOn": [on] }
            });
            client.send("call.requested", request).await;
            client.next().await
        };
        assert_eq!(ask("1", json!(first)).await["type"], "call.responded");
        for (id, wrong) in [("2", "ffffffff-ffff-7fff-bfff-ffffffffffff"), ("3", "nothing")] {
            let answer = ask(id, json!(wrong)).await;
            assert_eq!(answer["payload"]["code"], "VALIDATION_ERROR", "{answer}");
        }
        let calls = recorded(hub, "project.list", 4).await;
        assert_eq!(calls.iter().filter(|call| call["dependsOn"] == json!([first])).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_recorded_where_nothing_is_to_be() {
    let change = |config: &mut alkhub::config::Config| config.calls.record = alkhub::config::Recording::Off;
    each_hub_with(change, async |hub| {
        hub.get("/api/projects").await.ok();
        hub.post("/api/projects", json!({ "name": "n", "repository": "https://git.example/n" })).await.ok();
        assert!(hub.stop().await);
        assert_eq!(hub.backend.count("SELECT COUNT(*) AS count FROM calls").await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_has_ended_is_there_after_a_stop() {
    each_hub(async |hub| {
        for _ in 0..50 {
            hub.get("/api/projects").await.ok();
        }
        assert!(hub.stop().await);
        let count =
            "SELECT COUNT(*) AS count FROM calls WHERE operation = 'project.list' AND status = 'completed'";
        assert_eq!(hub.backend.count(count).await, 50);
    })
    .await;
}

#[tokio::test]
async fn old_calls_are_forgotten() {
    let change = |config: &mut alkhub::config::Config| {
        (config.calls.keep_count, config.calls.sweep) = (5, std::time::Duration::from_millis(50));
    };
    each_hub_with(change, async |hub| {
        for _ in 0..20 {
            hub.get("/api/projects").await.ok();
        }
        crate::support::until("few are left", std::time::Duration::from_secs(60), async || {
            let page = hub.get("/api/calls").await.ok();
            let count = page["items"].as_array().map_or(0, Vec::len);
            count <= 5 && hub.get("/metrics").await.body.contains("alkhub_calls_recorded_total")
        })
        .await;
    })
    .await;
}
