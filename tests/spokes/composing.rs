//! Calls over several machines: identity, parents and children, aborts, streams with backpressure, capabilities.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use crate::support::{
    hub::{ADMIN, TestHub, each_hub, each_hub_with},
    until,
    wire::{Wire, asking, operation},
};

async fn pair(hub: &TestHub) -> (Wire, Wire) {
    let a = Wire::spoke(hub, ADMIN, "a", &[operation("work", "outer", "query")]).await;
    let b = Wire::spoke(hub, ADMIN, "b", &[operation("work", "inner", "query")]).await;
    (a, b)
}

/// A spoke calls on behalf of a call that it serves.
async fn nested(spoke: &mut Wire, id: &str, operation: &str, parent: &Value) {
    let request =
        json!({ "requestId": id, "operationId": operation, "input": {}, "parentRequestId": parent });
    spoke.send("call.requested", request).await;
}

#[tokio::test]
async fn a_spoke_calls_the_hub_and_other_spokes_as_children_of_what_it_serves() {
    each_hub(async |hub| {
        let (mut a, mut b) = pair(hub).await;
        let call = asking(hub, "a.work.outer", &json!({}));
        let outer = a.expect("call.requested").await;
        nested(&mut a, "n1", "b.work.inner", &outer["requestId"]).await;
        let inner = b.expect("call.requested").await;
        assert_eq!(inner["parentRequestId"], outer["requestId"]);
        assert_ne!(inner["requestId"], outer["requestId"]);
        b.respond(&inner["requestId"], json!("inner")).await;
        assert_eq!(a.expect("call.responded").await["output"]["data"], "inner");
        nested(&mut a, "n2", "kit.whoami", &outer["requestId"]).await;
        let who = a.expect("call.responded").await["output"]["data"].clone();
        assert_eq!(who["parentRequestId"], outer["requestId"], "{who}");
        a.respond(&outer["requestId"], json!("outer")).await;
        assert_eq!(call.await.expect("answered").ok()["data"], "outer");
        // A parent that is over, or somebody else's, is no parent.
        nested(&mut b, "n3", "kit.whoami", &outer["requestId"]).await;
        let who = b.expect("call.responded").await["output"]["data"].clone();
        assert_eq!(who.get("parentRequestId"), None, "{who}");
    })
    .await;
}

#[tokio::test]
async fn a_nested_call_inherits_the_deadline_and_runs_with_the_spokes_own_rights() {
    each_hub(async |hub| {
        let key = hub.key(&["spoke:connect"]).await;
        let mut a = Wire::spoke(hub, &key, "a", &[operation("work", "outer", "query")]).await;
        let mut client = Wire::connect(hub).await;
        let deadline = alkhub_core::call::now_ms() + 20_000;
        let request = json!({
            "requestId": "c", "operationId": "a.work.outer", "input": {}, "deadline": deadline,
            "metadata": { "trace": "x" }, "identity": { "id": "somebody", "scopes": ["admin"] },
        });
        client.send("call.requested", request).await;
        let outer = a.expect("call.requested").await;
        assert_eq!(outer["deadline"], deadline);
        assert_eq!(outer["metadata"], json!({ "trace": "x" }));
        assert_eq!(outer["identity"]["id"], "testadmintestadmin", "what was claimed is not believed");
        nested(&mut a, "n1", "kit.whoami", &outer["requestId"]).await;
        let who = a.expect("call.responded").await["output"]["data"].clone();
        assert_eq!(who["deadlineMs"], deadline, "{who}");
        // The administrator's call does not lend the spoke the administrator's rights.
        nested(&mut a, "n2", "kit.echo", &outer["requestId"]).await;
        assert_eq!(a.expect("call.error").await["code"], "ACCESS_DENIED");
    })
    .await;
}

#[tokio::test]
async fn an_abort_reaches_children_on_other_spokes() {
    each_hub(async |hub| {
        let (mut a, mut b) = pair(hub).await;
        let mut client = Wire::connect(hub).await;
        client.request("c", "a.work.outer", json!({})).await;
        let outer = a.expect("call.requested").await;
        nested(&mut a, "n", "b.work.inner", &outer["requestId"]).await;
        let inner = b.expect("call.requested").await;
        client.send("call.aborted", json!({ "requestId": "c" })).await;
        assert_eq!(b.expect("call.aborted").await["requestId"], inner["requestId"]);
        // The spoke in the middle hears of both: its own call failed, and what it serves is unwanted.
        let mut heard = Vec::new();
        for _ in 0..2 {
            let message = a.next().await;
            heard.push((message["type"].clone(), message["payload"]["requestId"].clone()));
        }
        assert!(heard.contains(&(json!("call.aborted"), outer["requestId"].clone())), "{heard:?}");
        assert!(heard.contains(&(json!("call.error"), json!("n"))), "{heard:?}");
    })
    .await;
}

#[tokio::test]
async fn a_spoke_that_goes_ends_its_calls_and_their_children() {
    each_hub(async |hub| {
        let (mut a, mut b) = pair(hub).await;
        let call = asking(hub, "a.work.outer", &json!({}));
        let outer = a.expect("call.requested").await;
        nested(&mut a, "n", "b.work.inner", &outer["requestId"]).await;
        let inner = b.expect("call.requested").await;
        drop(a);
        assert_eq!(
            call.await.expect("answered").problem(499, "ABORTED")["details"]["reason"],
            "spoke_disconnected"
        );
        assert_eq!(b.expect("call.aborted").await["requestId"], inner["requestId"]);
    })
    .await;
}

#[tokio::test]
async fn a_query_moves_to_another_spoke_and_a_mutation_only_if_it_may_be_repeated() {
    each_hub(async |hub| {
        let mut repeatable = operation("disk", "sync", "mutation");
        repeatable["idempotent"] = json!(true);
        let operations =
            [operation("disk", "read", "query"), operation("disk", "write", "mutation"), repeatable];
        for (id, moves) in [("disk.read", true), ("disk.write", false), ("disk.sync", true)] {
            let mut first = Wire::spoke(hub, ADMIN, "one", &operations).await;
            let call = asking(hub, id, &json!({ "x": 1 }));
            let asked = first.expect("call.requested").await;
            let mut second = Wire::spoke(hub, ADMIN, "two", &operations).await;
            drop(first);
            if moves {
                let again = second.expect("call.requested").await;
                assert_eq!(
                    (&again["operationId"], &again["input"]),
                    (&asked["operationId"], &json!({ "x": 1 }))
                );
                second.respond(&again["requestId"], json!("two")).await;
                assert_eq!(call.await.expect("answered").ok()["data"], "two");
            } else {
                let problem = call.await.expect("answered").problem(499, "ABORTED");
                assert_eq!(problem["details"]["reason"], "spoke_disconnected");
            }
            drop(second);
            until("both are gone", Duration::from_secs(30), async || {
                hub.get("/api/spokes").await.ok()["items"] == json!([])
            })
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn of_several_spokes_the_least_busy_is_asked() {
    each_hub(async |hub| {
        let operations = [operation("disk", "read", "query")];
        let mut one = Wire::spoke(hub, ADMIN, "one", &operations).await;
        let mut two = Wire::spoke(hub, ADMIN, "two", &operations).await;
        let mut held = Vec::new();
        // Each gets one while both are free of work; a busy one gets no more.
        let calls: Vec<_> = (0..2).map(|_| asking(hub, "disk.read", &json!({}))).collect();
        for spoke in [&mut one, &mut two] {
            held.push(spoke.expect("call.requested").await["requestId"].clone());
        }
        one.respond(&held[0], json!(1)).await;
        let third = asking(hub, "disk.read", &json!({}));
        let asked = one.expect("call.requested").await;
        one.respond(&asked["requestId"], json!(3)).await;
        assert_eq!(third.await.expect("answered").ok()["data"], 3);
        // What a spoke says of its load counts as well.
        one.call("h", "hub.heartbeat", json!({ "load": 100 })).await;
        let fourth = asking(hub, "disk.read", &json!({}));
        let asked = two.expect("call.requested").await;
        two.respond(&held[1], json!(2)).await;
        two.respond(&asked["requestId"], json!(4)).await;
        assert_eq!(fourth.await.expect("answered").ok()["data"], 4);
        for call in calls {
            call.await.expect("answered").ok();
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_consumer_slows_its_own_stream_and_no_other() {
    each_hub(async |hub| {
        let mut source =
            Wire::spoke(hub, ADMIN, "source", &[operation("work", "items", "subscription")]).await;
        let mut client = Wire::connect(hub).await;
        // This consumer says how much it takes, and then takes nothing.
        let request =
            json!({ "requestId": "slow", "operationId": "source.work.items", "input": {}, "window": 10 });
        client.send("call.requested", request).await;
        let slow = source.expect("call.requested").await;
        let window = slow["window"].as_u64().expect("the hub says how much it takes");
        for item in 0..window {
            source.respond(&slow["requestId"], json!(item)).await;
        }
        for item in 0..10 {
            assert_eq!(client.expect("call.responded").await["output"]["data"], item);
        }
        // The other stream over the same two connections flows: far more items than any window holds.
        client.request("fast", "source.work.items", json!({})).await;
        let fast = source.expect("call.requested").await;
        let mut sent = window;
        for item in 0..sent {
            source.respond(&fast["requestId"], json!(item)).await;
        }
        for item in 0..window * 4 {
            assert_eq!(client.expect("call.responded").await["output"]["data"], item);
            if sent == item + window / 2 && sent < window * 4 {
                let credit = source.expect("call.credit").await;
                assert_eq!(credit["requestId"], fast["requestId"], "the slow one is not refilled");
                for _ in 0..credit["items"].as_u64().expect("a number") {
                    source.respond(&fast["requestId"], json!(sent)).await;
                    sent += 1;
                }
            }
        }
        source.send("call.completed", json!({ "requestId": fast["requestId"] })).await;
        client.expect("call.completed").await;
        // Credit for the slow one lets it go on.
        client.send("call.credit", json!({ "requestId": "slow", "items": 5 })).await;
        for item in 10..15 {
            assert_eq!(client.expect("call.responded").await["output"]["data"], item);
        }
    })
    .await;
}

#[tokio::test]
async fn a_sender_that_does_not_wait_for_a_slow_consumer_loses_that_stream_alone() {
    each_hub_with(
        |config| config.spokes.buffer_bytes = 1024 * 1024,
        async |hub| {
            let mut source =
                Wire::spoke(hub, ADMIN, "source", &[operation("work", "items", "subscription")]).await;
            // An SSE client that does not read.
            let body = json!({ "operationId": "source.work.items", "input": {} });
            let request = hub.request(reqwest::Method::POST, "/api/subscribe").json(&body);
            let answer = tokio::spawn(async move { request.send().await.expect("an answer") });
            let stream = source.expect("call.requested").await;
            let item = json!("x".repeat(64 * 1024));
            source.respond(&stream["requestId"], item.clone()).await;
            let answer = answer.await.expect("headers");
            // Upstream spokes know nothing of windows; this one sends until it is told to stop.
            let aborted = async {
                loop {
                    source.respond(&stream["requestId"], item.clone()).await;
                    let read = tokio::time::timeout(Duration::from_millis(1), source.try_next()).await;
                    if let Ok(Some(message)) = read
                        && message["type"] == "call.aborted"
                    {
                        return message["payload"]["requestId"].clone();
                    }
                }
            };
            let aborted = tokio::time::timeout(Duration::from_secs(60), aborted).await.expect("cut off");
            assert_eq!(aborted, stream["requestId"]);
            // The spoke itself is as it was.
            hub.get("/api/spokes/source").await.ok();
            let mut items = answer.bytes_stream();
            let mut end = String::new();
            while let Some(Ok(bytes)) = items.next().await {
                end = format!("{end}{}", String::from_utf8_lossy(&bytes));
                end = end[end.len().saturating_sub(4096)..].to_owned();
            }
            assert!(end.contains("slow_consumer"), "{end}");
        },
    )
    .await;
}

#[tokio::test]
async fn operations_of_spokes_are_reached_by_every_gateway() {
    each_hub(async |hub| {
        let mut spoke = Wire::spoke(hub, ADMIN, "dev", &[operation("disk", "read", "query")]).await;
        let calls = json!({ "calls": [
            { "operationId": "dev.disk.read", "input": { "n": 0 } },
            { "operationId": "kit.live", "input": {} },
            { "operationId": "disk.read", "input": { "n": 1 } },
        ] });
        let request = hub.request(reqwest::Method::POST, "/api/batch").json(&calls);
        let batch = tokio::spawn(crate::support::hub::Answer::of(request));
        for _ in 0..2 {
            let asked = spoke.expect("call.requested").await;
            spoke.respond(&asked["requestId"], asked["input"]["n"].clone()).await;
        }
        let answer = batch.await.expect("answered").ok();
        let results = answer["results"].as_array().expect("a list");
        assert_eq!(results[0]["output"]["data"], 0, "{answer}");
        assert_eq!(results[2]["output"]["data"], 1, "{answer}");
        // And from within an operation of the hub, which is its parent.
        let nest = asking(hub, "kit.nest", &json!({ "operationId": "dev.disk.read", "input": {} }));
        let asked = spoke.expect("call.requested").await;
        spoke.respond(&asked["requestId"], json!("deep")).await;
        let answer = nest.await.expect("answered").ok();
        assert_eq!(answer["data"]["requestId"], asked["parentRequestId"], "{answer}");
    })
    .await;
}
