//! Three processes: calls that cross them more than once, what is too large for the way, and how busy spokes are.

use serde_json::{Value, json};

use super::forwarding::{Pair, each_pair, forgets, knows};
use crate::support::{
    hub::{ADMIN, TestHub},
    redis::PATIENCE,
    until,
    wire::{Wire, asking, operation},
};

pub(super) async fn third(pair: &Pair) -> TestHub {
    let url = pair.redis.url();
    let hub =
        TestHub::start(pair.one.backend.clone(), |config| config.redis.url = Some(url.clone().into())).await;
    until("the bus is there", PATIENCE, async || hub.get("/readyz").await.json()["bus"] == "ok").await;
    hub
}

#[tokio::test]
async fn the_abort_of_a_call_reaches_what_it_called_through_other_processes() {
    each_pair(async |pair| {
        let mut three = third(pair).await;
        let mut first = Wire::spoke(&pair.one, ADMIN, "first", &[operation("work", "outer", "query")]).await;
        let mut second = Wire::spoke(&pair.two, ADMIN, "second", &[operation("work", "inner", "query")]).await;
        knows(&three, "first", 1).await;
        knows(&pair.one, "second", 1).await;
        let mut client = Wire::connect(&three).await;
        // To its end.
        client.request("c", "first.work.outer", json!({})).await;
        let outer = first.expect("call.requested").await;
        let nested = |id: &str, parent: &Value| {
            json!({ "requestId": id, "operationId": "second.work.inner", "input": {}, "parentRequestId": parent })
        };
        first.send("call.requested", nested("n", &outer["requestId"])).await;
        let inner = second.expect("call.requested").await;
        assert_eq!(inner["identity"]["id"], "testadmintestadmin");
        second.respond(&inner["requestId"], json!("inner")).await;
        assert_eq!(first.expect("call.responded").await["output"]["data"], "inner");
        first.respond(&outer["requestId"], json!("outer")).await;
        assert_eq!(client.expect("call.responded").await["output"]["data"], "outer");
        // Given up in the middle.
        client.request("d", "first.work.outer", json!({})).await;
        let outer = first.expect("call.requested").await;
        first.send("call.requested", nested("o", &outer["requestId"])).await;
        let inner = second.expect("call.requested").await;
        client.send("call.aborted", json!({ "requestId": "d" })).await;
        assert_eq!(second.expect("call.aborted").await["requestId"], inner["requestId"]);
        // It hears that its own call is over, and that nobody waits for its answer, in either order.
        let mut told = first.next().await;
        if told["type"] == "call.error" {
            assert_eq!(told["payload"]["requestId"], "o");
            told = first.next().await;
        }
        assert_eq!((&told["type"], &told["payload"]["requestId"]), (&"call.aborted".into(), &outer["requestId"]));
        // A deadline that passes does the same.
        let soon = alkhub::storage::time::now_ms() + 1000;
        let request = json!({ "requestId": "e", "operationId": "first.work.outer", "input": {}, "deadline": soon });
        client.send("call.requested", request).await;
        let mut outer = first.next().await;
        while outer["type"] != "call.requested" {
            outer = first.next().await;
        }
        first.send("call.requested", nested("p", &outer["payload"]["requestId"])).await;
        let inner = second.expect("call.requested").await;
        assert!(inner["deadline"].as_f64().is_some_and(|deadline| deadline as i64 <= soon), "{inner}");
        assert_eq!(client.expect("call.error").await["code"], "TIMEOUT");
        assert_eq!(second.expect("call.aborted").await["requestId"], inner["requestId"]);
        three.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_spoke_that_moves_is_followed_and_others_stay_known() {
    each_pair(async |pair| {
        let mut three = third(pair).await;
        let ask = operation("work", "ask", "query");
        let mut moving = Wire::spoke(&pair.one, ADMIN, "moving", std::slice::from_ref(&ask)).await;
        let mut staying =
            Wire::spoke(&pair.two, ADMIN, "staying", &[operation("work", "stay", "query")]).await;
        for to in [&pair.two, &three, &pair.one] {
            let next = Wire::spoke(to, ADMIN, "moving", std::slice::from_ref(&ask)).await;
            assert_eq!(moving.closed().await, Some(4409));
            moving = next;
            let home = to.get("/api/spokes/moving").await.ok()["spoke"]["nodeId"].clone();
            for hub in [&pair.one, &pair.two, &three] {
                until("its home is known", PATIENCE, async || {
                    let shown = hub.get("/api/spokes/moving").await;
                    shown.status == 200 && shown.json()["spoke"]["nodeId"] == home
                })
                .await;
                let call = asking(hub, "moving.work.ask", &json!({}));
                let asked = moving.expect("call.requested").await;
                moving.respond(&asked["requestId"], json!(1)).await;
                call.await.expect("answered").ok();
                let call = asking(hub, "staying.work.stay", &json!({}));
                let asked = staying.expect("call.requested").await;
                staying.respond(&asked["requestId"], json!(2)).await;
                call.await.expect("answered").ok();
            }
        }
        drop(moving);
        for hub in [&pair.one, &pair.two, &three] {
            forgets(hub, "moving").await;
        }
        // The log has one event for each of these changes, whichever process they happened in.
        until("the log is complete", PATIENCE, async || {
            let log = three.get("/api/events/log?types=spoke.*&limit=100").await.ok();
            let items = log["items"].as_array().expect("items").clone();
            let of = |kind: &str| {
                let told = items.iter().filter(|event| event["type"] == kind);
                told.filter(|event| event["payload"]["spokeId"] == "moving").count()
            };
            assert!(of("spoke.connected") <= 4 && of("spoke.disconnected") <= 1, "{items:?}");
            (of("spoke.connected"), of("spoke.disconnected")) == (4, 1)
        })
        .await;
        three.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_too_large_for_the_way_is_refused_and_harms_no_other_call() {
    each_pair(async |pair| {
        let offered = [operation("work", "wait", "query"), operation("work", "large", "query")];
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &offered).await;
        knows(&pair.two, "dev", 2).await;
        let mut client = Wire::connect(&pair.two).await;
        client.request("other", "dev.work.wait", json!({})).await;
        let other = spoke.expect("call.requested").await;
        // The input fits into what the client may send, and not into what goes on, with all that is known of the caller.
        let limit = alkhub::config::Config::default().link_limits().frame_bytes.min(8 * 1024 * 1024 - 4096);
        let around = json!({ "type": "call.requested", "id": "", "payload":
            { "requestId": "in", "operationId": "dev.work.large", "input": { "text": "" } } });
        let text = "x".repeat(limit - around.to_string().len());
        client.request("in", "dev.work.large", json!({ "text": text })).await;
        let refused = client.expect("call.error").await;
        assert_eq!((&refused["requestId"], &refused["code"]), (&"in".into(), &"PAYLOAD_TOO_LARGE".into()));
        // An answer that fits into what the spoke may send, and not into what goes back.
        let around = json!({ "type": "call.responded", "id": "", "payload": { "requestId": "", "output":
            { "data": "", "meta": { "source": "local", "operationId": "x.y", "timestamp": 1 } } } });
        client.request("out", "dev.work.large", json!({})).await;
        let asked = spoke.expect("call.requested").await;
        let size = around.to_string().len() + asked["requestId"].as_str().expect("an id").len();
        spoke.respond(&asked["requestId"], json!("y".repeat(limit - size + 1))).await;
        let refused = client.expect("call.error").await;
        assert_eq!((&refused["requestId"], &refused["code"]), (&"out".into(), &"PAYLOAD_TOO_LARGE".into()));
        // So does an error whose details are.
        client.request("error", "dev.work.large", json!({})).await;
        let asked = spoke.expect("call.requested").await;
        let failed = json!({ "requestId": asked["requestId"], "code": "LARGE", "message": "m", "details": "" });
        let size = json!({ "type": "call.error", "id": "", "payload": failed }).to_string().len();
        let failed = json!({
            "requestId": asked["requestId"], "code": "LARGE", "message": "m", "details": "z".repeat(limit - size),
        });
        spoke.send("call.error", failed).await;
        let failed = client.expect("call.error").await;
        assert_eq!((&failed["requestId"], &failed["code"]), (&"error".into(), &"LARGE".into()));
        spoke.respond(&other["requestId"], json!("unharmed")).await;
        assert_eq!(client.expect("call.responded").await["output"]["data"], "unharmed");
    })
    .await;
}

#[tokio::test]
async fn a_burst_of_calls_fits_through_one_link() {
    const CALLS: usize = 1000;
    each_pair(async |pair| {
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &[operation("work", "wait", "query")]).await;
        knows(&pair.two, "dev", 1).await;
        let mut client = Wire::connect(&pair.two).await;
        for id in 0..CALLS {
            client.request(&id.to_string(), "dev.work.wait", json!({})).await;
        }
        for _ in 0..CALLS {
            let asked = spoke.expect("call.requested").await;
            spoke.respond(&asked["requestId"], json!(1)).await;
        }
        for _ in 0..CALLS {
            client.expect("call.responded").await;
        }
    })
    .await;
}

#[tokio::test]
async fn how_busy_a_spoke_is_is_known_everywhere() {
    each_pair(async |pair| {
        let ask = [operation("work", "ask", "query")];
        let mut busy = Wire::spoke(&pair.one, ADMIN, "busy", &ask).await;
        let mut idle = Wire::spoke(&pair.one, ADMIN, "idle", &ask).await;
        knows(&pair.two, "busy", 1).await;
        knows(&pair.two, "idle", 1).await;
        busy.call("h", "hub.heartbeat", json!({ "load": 7, "status": "compiling" })).await;
        until("the load is known", PATIENCE, async || {
            let shown = pair.two.get("/api/spokes/busy").await.ok()["spoke"].clone();
            shown["load"] == 7.0 && shown["status"] == "compiling"
        })
        .await;
        for _ in 0..4 {
            let call = asking(&pair.two, "work.ask", &json!({}));
            let asked = idle.expect("call.requested").await;
            idle.respond(&asked["requestId"], json!("idle")).await;
            assert_eq!(call.await.expect("answered").ok()["data"], "idle");
        }
        // Calls that wait for it in its own process are known too.
        let waiting: Vec<_> = (0..9).map(|_| asking(&pair.one, "idle.work.ask", &json!({}))).collect();
        until("its calls are known", PATIENCE, async || {
            pair.two.get("/api/spokes/idle").await.ok()["spoke"]["callsRunning"] == 9
        })
        .await;
        let call = asking(&pair.two, "work.ask", &json!({}));
        let asked = busy.expect("call.requested").await;
        busy.respond(&asked["requestId"], json!("busy")).await;
        assert_eq!(call.await.expect("answered").ok()["data"], "busy");
        for call in waiting {
            let asked = idle.expect("call.requested").await;
            idle.respond(&asked["requestId"], json!(1)).await;
            drop(call);
        }
    })
    .await;
}

#[tokio::test]
async fn a_query_goes_to_another_spoke_over_the_same_link() {
    each_pair(async |pair| {
        let ask = [operation("work", "ask", "query")];
        let mut spokes = Vec::new();
        for id in ["a", "b"] {
            spokes.push(Wire::spoke(&pair.one, ADMIN, id, &ask).await);
            knows(&pair.two, id, 1).await;
        }
        let call = asking(&pair.two, "work.ask", &json!({}));
        let (mut left, mut right) = (spokes.remove(0), spokes.remove(0));
        let is_left = tokio::select! {
            _ = left.expect("call.requested") => true,
            _ = right.expect("call.requested") => false,
        };
        let (asked, mut other) = if is_left { (left, right) } else { (right, left) };
        drop(asked);
        let asked = other.expect("call.requested").await;
        other.respond(&asked["requestId"], json!("other")).await;
        assert_eq!(call.await.expect("answered").ok()["data"], "other");
    })
    .await;
}
