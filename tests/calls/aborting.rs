//! Calls that are ended, with all that they have led to.

use std::time::Duration;

use serde_json::{Value, json};

use super::recorded;
use crate::support::{
    hub::{ADMIN, TestHub, each_hub},
    until,
    wire::{Wire, asking, operation},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// The id of the call of an operation that runs.
async fn running(hub: &TestHub, operation: &str) -> String {
    let path = format!("/api/calls?operationId={operation}&status=running");
    let mut id = None;
    until("it is known that it runs", PATIENCE, async || {
        id = hub.get(&path).await.ok()["items"][0]["requestId"].as_str().map(str::to_owned);
        id.is_some()
    })
    .await;
    id.expect("an id")
}

#[tokio::test]
async fn an_abort_ends_a_call_with_all_below_it_and_tells_what_it_reached() {
    each_hub(async |hub| {
        let mut a = Wire::spoke(hub, ADMIN, "a", &[operation("work", "outer", "query")]).await;
        let mut b = Wire::spoke(hub, ADMIN, "b", &[operation("work", "inner", "mutation")]).await;
        let call = asking(hub, "a.work.outer", &json!({}));
        let outer = a.expect("call.requested").await;
        let nested = json!({ "requestId": "n", "operationId": "b.work.inner", "input": {}, "parentRequestId": outer["requestId"] });
        a.send("call.requested", nested).await;
        let inner = b.expect("call.requested").await;
        let id = running(hub, "a.work.outer").await;
        // What is inside of it is written before it.
        let tree = hub.get(&format!("/api/calls/{id}/tree")).await.ok();
        assert_eq!(tree["calls"].as_array().map(Vec::len), Some(2), "{tree}");
        let told = hub.post(&format!("/api/calls/{id}/abort"), json!({})).await.ok();
        assert_eq!((&told["state"], &told["finished"]), (&json!("aborted"), &json!(false)), "{told}");
        let reached: Vec<&Value> =
            told["reached"].as_array().expect("a list").iter().map(|one| &one["operationId"]).collect();
        assert_eq!(reached, ["b.work.inner", "a.work.outer"]);
        assert!(told["reached"].as_array().expect("a list").iter().all(|one| one["state"] == "aborted"), "{told}");
        assert_eq!(b.expect("call.aborted").await["requestId"], inner["requestId"]);
        assert_eq!(call.await.expect("answered").problem(499, "ABORTED")["code"], "ABORTED");
        assert_eq!(recorded(hub, "a.work.outer", 1).await[0]["status"], "aborted");
        assert_eq!(recorded(hub, "b.work.inner", 1).await[0]["status"], "aborted");
        // Once more: it is over, and that is no error.
        let told = hub.post(&format!("/api/calls/{id}/abort"), json!({})).await.ok();
        assert_eq!((&told["state"], &told["finished"]), (&json!("aborted"), &json!(true)), "{told}");
        let unknown = "/api/calls/01890000-0000-7000-8000-000000000000/abort";
        hub.post(unknown, json!({})).await.problem(404, "CALL_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn what_runs_may_finish_and_nothing_new_begins() {
    each_hub(async |hub| {
        let mut a = Wire::spoke(hub, ADMIN, "a", &[operation("work", "outer", "query")]).await;
        let mut b = Wire::spoke(hub, ADMIN, "b", &[operation("work", "inner", "query")]).await;
        let call = asking(hub, "a.work.outer", &json!({}));
        let outer = a.expect("call.requested").await;
        let nested = |id: &str| json!({ "requestId": id, "operationId": "b.work.inner", "input": {}, "parentRequestId": outer["requestId"] });
        a.send("call.requested", nested("n")).await;
        let inner = b.expect("call.requested").await;
        let id = running(hub, "a.work.outer").await;
        let told = hub.post(&format!("/api/calls/{id}/abort"), json!({ "policy": "continue-running" })).await.ok();
        assert_eq!(told["state"], "running", "{told}");
        // Nothing new.
        a.send("call.requested", nested("m")).await;
        assert_eq!(a.expect("call.error").await["code"], "ABORTED");
        // What ran ends well, and then the call itself is cut off.
        b.respond(&inner["requestId"], json!("done")).await;
        assert_eq!(a.expect("call.responded").await["output"]["data"], "done");
        call.await.expect("answered").problem(499, "ABORTED");
        assert_eq!(recorded(hub, "b.work.inner", 1).await[0]["status"], "completed");
        assert_eq!(recorded(hub, "a.work.outer", 1).await[0]["status"], "aborted");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_and_a_deadline_that_passes_are_recorded() {
    each_hub(async |hub| {
        let mut a = Wire::spoke(hub, ADMIN, "a", &[operation("work", "outer", "query")]).await;
        let mut client = Wire::connect(hub).await;
        client.request("c", "a.work.outer", json!({})).await;
        let outer = a.expect("call.requested").await;
        drop(client);
        assert_eq!(a.expect("call.aborted").await["requestId"], outer["requestId"]);
        let call = &recorded(hub, "a.work.outer", 1).await[0];
        assert_eq!(call["status"], "aborted", "{call}");
        let mut client = Wire::connect(hub).await;
        let soon = alkhub_core::call::now_ms() + 50;
        let request =
            json!({ "requestId": "d", "operationId": "a.work.outer", "input": {}, "deadline": soon });
        client.send("call.requested", request).await;
        client.expect("call.error").await;
        let calls = recorded(hub, "a.work.outer", 2).await;
        assert_eq!((&calls[0]["status"], &calls[0]["error"]["code"]), (&json!("failed"), &json!("TIMEOUT")));
    })
    .await;
}

#[tokio::test]
async fn a_process_that_died_leaves_calls_that_are_aborted() {
    each_hub(async |hub| {
        let mut a = Wire::spoke(hub, ADMIN, "a", &[operation("work", "outer", "query")]).await;
        let call = asking(hub, "a.work.outer", &json!({}));
        a.expect("call.requested").await;
        let id = running(hub, "a.work.outer").await;
        // As if another process had it, that is not there any more.
        hub.backend.execute("UPDATE calls SET node = 'gone' WHERE operation = 'a.work.outer'").await;
        let dead = "INSERT INTO nodes (id, address, version, epoch, spokes, started_at, seen_at, lease_ms) \
                    VALUES ('gone', 'x', 'x', 0, 0, 0, 0, 1)";
        hub.backend.execute(dead).await;
        let mut shown = Value::Null;
        until("its process is missed", PATIENCE, async || {
            shown = hub.get(&format!("/api/calls/{id}")).await.ok()["call"].clone();
            shown["status"] == "aborted"
        })
        .await;
        assert_eq!(shown["error"]["details"]["reason"], "node_lost", "{shown}");
        drop(a);
        call.await.expect("answered");
    })
    .await;
}
