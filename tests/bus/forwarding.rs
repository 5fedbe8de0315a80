//! Calls to spokes that are connected to another process of the hub.

use std::sync::Arc;

use alkhub::config::Config;
use serde_json::{Value, json};

use crate::support::{
    database::Backend,
    hub::{ADMIN, TestHub},
    redis::{PATIENCE, RedisServer},
    until,
    wire::{Wire, asking, events, operation, streaming},
};

/// Two processes on one database and one Redis.
pub(super) struct Pair {
    pub one: TestHub,
    pub two: TestHub,
    pub redis: RedisServer,
}

/// Runs a test on two processes over every database, where Redis is installed.
pub(super) async fn each_pair(test: impl AsyncFn(&mut Pair)) {
    each_pair_with(|_| {}, test).await;
}

/// The same with a changed configuration.
pub(super) async fn each_pair_with(change: impl Fn(&mut Config), test: impl AsyncFn(&mut Pair)) {
    for backend in Backend::all().await {
        let Some(redis) = RedisServer::start(None).await else { return };
        println!("-- on {}", backend.name());
        let backend = Arc::new(backend);
        let start = || {
            TestHub::start(backend.clone(), |config| {
                config.redis.url = Some(redis.url().into());
                change(config);
            })
        };
        let (one, two) = (start().await, start().await);
        let mut pair = Pair { one, two, redis };
        for hub in [&pair.one, &pair.two] {
            let ready = async || hub.get("/readyz").await.json()["bus"] == "ok";
            until("the bus is there", PATIENCE, ready).await;
        }
        test(&mut pair).await;
        pair.one.stop().await;
        pair.two.stop().await;
    }
}

/// Waits until a process knows a spoke, in its newest form.
pub(super) async fn knows(hub: &TestHub, spoke: &str, operations: u64) {
    until("the spoke is known", PATIENCE, async || {
        let answer = hub.get(&format!("/api/spokes/{spoke}")).await;
        answer.status == 200 && answer.json()["spoke"]["operations"] == operations
    })
    .await;
}

/// Waits until a process has forgotten a spoke.
pub(super) async fn forgets(hub: &TestHub, spoke: &str) {
    until("the spoke is forgotten", PATIENCE, async || {
        hub.get(&format!("/api/spokes/{spoke}")).await.status == 404
    })
    .await;
}

#[tokio::test]
async fn a_call_to_a_spoke_of_another_process_arrives_as_the_caller_and_comes_back() {
    each_pair(async |pair| {
        let mut described = operation("disk", "read", "query");
        described["errorSchemas"] = json!([{ "code": "FULL", "schema": {}, "httpStatus": 507 }]);
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &[described]).await;
        knows(&pair.two, "dev", 1).await;
        for id in ["dev.disk.read", "disk.read"] {
            let call = asking(&pair.two, id, &json!({ "path": "a" }));
            let asked = spoke.expect("call.requested").await;
            assert_eq!(asked["operationId"], "disk.read");
            assert_eq!(asked["input"], json!({ "path": "a" }));
            assert_eq!(asked["identity"]["id"], "testadmintestadmin");
            assert!(asked["deadline"].is_number() && asked["parentRequestId"].is_string(), "{asked}");
            spoke.respond(&asked["requestId"], json!({ "text": "hello" })).await;
            let answer = call.await.expect("answered").ok();
            assert_eq!(answer["data"], json!({ "text": "hello" }));
            assert_eq!(answer["meta"], json!({ "source": "local", "operationId": "x.y", "timestamp": 1 }));
        }
        // Its own errors come with their details, and with the status that it declared.
        let call = asking(&pair.two, "dev.disk.read", &json!({}));
        let asked = spoke.expect("call.requested").await;
        let failed = json!({
            "requestId": asked["requestId"], "code": "FULL", "message": "no room", "details": { "free": 0 },
        });
        spoke.send("call.error", failed).await;
        let problem = call.await.expect("answered").problem(507, "FULL");
        assert_eq!(problem["details"], json!({ "free": 0 }));
        // What it calls on behalf of a call belongs to that call.
        let call = asking(&pair.two, "dev.disk.read", &json!({}));
        let asked = spoke.expect("call.requested").await;
        let nested = json!({
            "requestId": "n", "operationId": "kit.live", "input": {}, "parentRequestId": asked["requestId"],
        });
        spoke.send("call.requested", nested).await;
        assert_eq!(spoke.expect("call.responded").await["requestId"], "n");
        spoke.respond(&asked["requestId"], json!(1)).await;
        call.await.expect("answered").ok();
    })
    .await;
}

#[tokio::test]
async fn a_spoke_is_shown_and_disconnected_by_every_process() {
    each_pair(async |pair| {
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &[operation("disk", "read", "query")]).await;
        knows(&pair.two, "dev", 1).await;
        let here = pair.one.get("/api/spokes/dev").await.ok();
        let there = pair.two.get("/api/spokes/dev").await.ok();
        assert_eq!(here, there, "with the process");
        assert!(here["spoke"]["nodeId"].is_string());
        let listed = pair.two.get("/api/operations?namespace=disk").await.ok();
        assert_eq!(listed["items"][0]["id"], "dev.disk.read", "{listed}");
        assert_eq!(listed["items"][0]["spoke"], "dev");
        let found = pair.two.get("/api/operations/search?query=disk").await.ok().to_string();
        assert!(found.contains("dev.disk.read"), "{found}");
        let schema = pair.two.get("/api/operations/dev.disk.read").await.ok();
        assert_eq!(schema["inputSchema"], json!({ "type": "object" }), "{schema}");
        // What it registers later is known too.
        let both = [operation("disk", "read", "query"), operation("disk", "write", "mutation")];
        spoke.register("dev", &both).await;
        knows(&pair.two, "dev", 2).await;
        pair.two.post("/api/spokes/dev/disconnect", json!({})).await.ok();
        assert_eq!(spoke.closed().await, Some(4410));
        forgets(&pair.two, "dev").await;
        let gone = pair.two.post("/api/call", json!({ "operationId": "dev.disk.read", "input": {} })).await;
        gone.problem(404, "OPERATION_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn aborts_and_deadlines_reach_the_spoke() {
    each_pair(async |pair| {
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &[operation("work", "wait", "query")]).await;
        knows(&pair.two, "dev", 1).await;
        let mut client = Wire::connect(&pair.two).await;
        client.request("c", "dev.work.wait", json!({})).await;
        let asked = spoke.expect("call.requested").await;
        client.send("call.aborted", json!({ "requestId": "c" })).await;
        assert_eq!(spoke.expect("call.aborted").await["requestId"], asked["requestId"]);
        let soon = alkhub::storage::time::now_ms() + 500;
        let request =
            json!({ "requestId": "d", "operationId": "dev.work.wait", "input": {}, "deadline": soon });
        client.send("call.requested", request).await;
        let asked = spoke.expect("call.requested").await;
        assert_eq!(asked["deadline"].as_f64().map(|deadline| deadline as i64), Some(soon));
        assert_eq!(spoke.expect("call.aborted").await["requestId"], asked["requestId"]);
        assert_eq!(client.expect("call.error").await["code"], "TIMEOUT");
    })
    .await;
}

#[tokio::test]
async fn a_stream_flows_as_fast_as_it_is_read() {
    each_pair(async |pair| {
        let items = operation("work", "items", "subscription");
        let mut source = Wire::spoke(&pair.one, ADMIN, "source", &[items]).await;
        knows(&pair.two, "source", 1).await;
        // A short one, to its end.
        let stream = streaming(&pair.two, "source.work.items", &json!({}));
        let asked = source.expect("call.requested").await;
        for item in 0..3 {
            source.respond(&asked["requestId"], json!(item)).await;
        }
        source.send("call.completed", json!({ "requestId": asked["requestId"] })).await;
        let heard = events(&stream.await.expect("read").body);
        let data: Vec<_> = heard.iter().map(|(_, data)| data["data"].clone()).collect();
        assert_eq!(data[..3], [json!(0), json!(1), json!(2)], "{heard:?}");
        // This consumer says how much it takes, and then takes nothing.
        let mut client = Wire::connect(&pair.two).await;
        let request =
            json!({ "requestId": "slow", "operationId": "source.work.items", "input": {}, "window": 10 });
        client.send("call.requested", request).await;
        let slow = source.expect("call.requested").await;
        client.request("fast", "source.work.items", json!({})).await;
        let fast = source.expect("call.requested").await;
        let window = fast["window"].as_u64().expect("a number");
        // The source sends as much of both as it may; the fast one goes round many times.
        let (mut of_slow, mut of_fast, mut got, mut got_slow) = (0, 0, 0, 0);
        for _ in 0..window {
            source.respond(&slow["requestId"], json!(of_slow)).await;
            source.respond(&fast["requestId"], json!(of_fast)).await;
            (of_slow, of_fast) = (of_slow + 1, of_fast + 1);
        }
        while got < window * 8 {
            tokio::select! {
                message = source.next() => {
                    assert_eq!(message["type"], "call.credit", "{message}");
                    let credit = &message["payload"];
                    let is_slow = credit["requestId"] == slow["requestId"];
                    let count = if is_slow { &mut of_slow } else { &mut of_fast };
                    for _ in 0..credit["items"].as_u64().expect("a number") {
                        source.respond(&credit["requestId"], json!(*count)).await;
                        *count += 1;
                    }
                }
                message = client.next() => {
                    assert_eq!(message["type"], "call.responded", "{message}");
                    let count = if message["payload"]["requestId"] == "slow" { &mut got_slow } else { &mut got };
                    assert_eq!(message["payload"]["output"]["data"], *count);
                    *count += 1;
                }
            }
        }
        assert_eq!(got_slow, 10, "as much as it has said");
        assert!(of_slow <= window * 3, "two windows, and what was on its way: {of_slow}");
        // What it no longer wants is aborted at the source.
        client.send("call.aborted", json!({ "requestId": "slow" })).await;
        until("the source hears of it", PATIENCE, async || {
            let message: Value = source.next().await;
            message["type"] == "call.aborted" && message["payload"]["requestId"] == slow["requestId"]
        })
        .await;
    })
    .await;
}
