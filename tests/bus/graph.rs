//! The call graph over several processes: one node for each call, whichever ways it went, and one abort for all.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::forwarding::{each_pair, knows};
use super::three::third;
use crate::support::{
    hub::{ADMIN, TestHub},
    redis::PATIENCE,
    until,
    wire::{Wire, asking, operation},
};

/// The calls of a tree, once all that is recorded of it satisfies a condition.
async fn tree(hub: &TestHub, id: &str, good: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut calls = Vec::new();
    until("the tree is as expected", PATIENCE, async || {
        let answer = hub.get(&format!("/api/calls/{id}/tree?limit=20000")).await;
        calls = match answer.status.as_u16() {
            200 => answer.json()["calls"].as_array().expect("calls").clone(),
            _ => Vec::new(),
        };
        good(&calls)
    })
    .await;
    calls
}

#[tokio::test]
async fn a_call_that_crosses_processes_is_one_node() {
    each_pair(async |pair| {
        let mut three = third(pair).await;
        let mut first = Wire::spoke(&pair.one, ADMIN, "first", &[operation("work", "outer", "query")]).await;
        let mut second = Wire::spoke(&pair.two, ADMIN, "second", &[operation("work", "inner", "mutation")]).await;
        knows(&three, "first", 1).await;
        knows(&pair.one, "second", 1).await;
        let call = asking(&three, "first.work.outer", &json!({}));
        let outer = first.expect("call.requested").await;
        let nested = json!({
            "requestId": "n", "operationId": "second.work.inner", "input": { "a": 1 }, "parentRequestId": outer["requestId"]
        });
        first.send("call.requested", nested).await;
        let inner = second.expect("call.requested").await;
        let id = outer["requestId"].as_str().expect("an id").to_owned();
        // The one inside is a mutation, and so its record is there before it runs, with what it hangs on.
        let early = tree(&pair.two, &id, |calls| calls.len() == 2).await;
        assert_eq!(early[1]["parentRequestId"], *id);
        second.respond(&inner["requestId"], json!("inner")).await;
        first.expect("call.responded").await;
        first.respond(&outer["requestId"], json!("outer")).await;
        call.await.expect("answered").ok();
        let calls =
            tree(&pair.one, &id, |calls| calls.len() == 2 && calls.iter().all(|call| call["status"] == "completed")).await;
        assert_eq!(calls[0]["operationId"], "first.work.outer");
        assert_eq!(calls[1]["operationId"], "second.work.inner");
        assert_eq!((&calls[1]["parentRequestId"], &calls[1]["rootRequestId"]), (&json!(id), &json!(id)));
        // Each is of the process by which it came in.
        assert_eq!(calls.iter().map(|call| &call["nodeId"]).collect::<HashSet<_>>().len(), 2);
        let count = "SELECT COUNT(*) AS count FROM calls WHERE operation LIKE '%.work.%' OR operation = ''";
        assert_eq!(pair.one.backend.count(count).await, 2, "none is there twice");
        three.stop().await;
    })
    .await;
}

/// Descendants of the call that is aborted.
const MANY: usize = 1000;

/// Reads what a spoke is told until each of the calls that it serves has ended, and how many that were.
async fn all_end(spoke: &mut Wire, mut served: HashSet<Value>) -> usize {
    let count = served.len();
    while !served.is_empty() {
        let told = spoke.next().await;
        // The calls that it made itself are answered, too.
        if told["type"] == "call.aborted" {
            let ended = &told["payload"]["requestId"];
            assert!(served.remove(ended), "{ended} ended twice, or is not its own");
        }
    }
    count
}

#[tokio::test]
async fn an_abort_ends_a_thousand_calls_over_three_processes() {
    each_pair(async |pair| {
        let mut three = third(pair).await;
        let mut top = Wire::spoke(&three, ADMIN, "top", &[operation("work", "lead", "query")]).await;
        let mut middle = Wire::spoke(&pair.one, ADMIN, "middle", &[operation("work", "spread", "query")]).await;
        let mut leaf = Wire::spoke(&pair.two, ADMIN, "leaf", &[operation("work", "wait", "query")]).await;
        for hub in [&pair.one, &pair.two, &three] {
            for spoke in ["top", "middle", "leaf"] {
                knows(hub, spoke, 1).await;
            }
        }
        // On one process, from where it goes to three, to one, and to two: 20 calls that make 49 each.
        let call = asking(&pair.two, "top.work.lead", &json!({}));
        let root = top.expect("call.requested").await["requestId"].clone();
        let (branches, leaves) = (20, MANY / 20 - 1);
        let mut spread = Vec::new();
        for branch in 0..branches {
            let nested = json!({
                "requestId": format!("b{branch}"), "operationId": "middle.work.spread", "input": {}, "parentRequestId": root
            });
            top.send("call.requested", nested).await;
            let asked = middle.expect("call.requested").await["requestId"].clone();
            for one in 0..leaves {
                let nested = json!({
                    "requestId": format!("l{branch}-{one}"), "operationId": "leaf.work.wait", "input": {}, "parentRequestId": asked
                });
                middle.send("call.requested", nested).await;
            }
            spread.push(asked);
        }
        let mut waiting: HashSet<Value> = HashSet::new();
        for _ in 0..branches * leaves {
            waiting.insert(leaf.expect("call.requested").await["requestId"].clone());
        }
        assert_eq!(waiting.len() + branches, MANY);
        let begun = Instant::now();
        let id = root.as_str().expect("an id").to_owned();
        // Asked of the process that has none of the spokes in the middle, and not of the one that has the root.
        let told = three.post(&format!("/api/calls/{id}/abort"), json!({})).await.ok();
        let took = begun.elapsed();
        let reached = told["reached"].as_array().expect("a list");
        assert!(told["unreached"].as_array().is_some_and(Vec::is_empty), "{told}");
        // Counted on the spokes: each hears of the end of each call that it serves.
        let mut seen = 0;
        let leads = HashSet::from([root.clone()]);
        for (spoke, served) in [(&mut leaf, waiting), (&mut middle, spread.into_iter().collect()), (&mut top, leads)] {
            seen += all_end(spoke, served).await;
        }
        println!("-- aborted in {took:?}, {} told, {seen} counted at the last in {:?}", reached.len(), begun.elapsed());
        assert_eq!((reached.len(), seen), (MANY + 1, MANY + 1));
        assert!(reached.iter().all(|one| one["state"] == "aborted"), "{told}");
        call.await.expect("answered").problem(499, "ABORTED");
        let calls = tree(&pair.one, &id, |calls| {
            calls.len() == MANY + 1 && calls.iter().all(|call| call["status"] == "aborted")
        })
        .await;
        assert!(calls.iter().skip(1).all(|call| call["rootRequestId"] == *id));
        // Nothing is left: the hub knows of no call that waits for a spoke.
        for spoke in ["top", "middle", "leaf"] {
            until("the spoke is idle", Duration::from_secs(60), async || {
                three.get(&format!("/api/spokes/{spoke}")).await.ok()["spoke"]["callsRunning"] == 0
            })
            .await;
        }
        three.stop().await;
    })
    .await;
}
