//! Spokes that come, go and move between the processes of a hub, and processes that are lost with them.

use serde_json::json;

use super::forwarding::{each_pair, forgets, knows};
use crate::support::{
    hub::ADMIN,
    redis::PATIENCE,
    until,
    wire::{Wire, asking, events, operation, streaming},
};

#[tokio::test]
async fn a_spoke_that_leaves_ends_what_waits_for_it_elsewhere() {
    each_pair(async |pair| {
        let offered = [operation("work", "change", "mutation"), operation("work", "items", "subscription")];
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &offered).await;
        knows(&pair.two, "dev", 2).await;
        let call = asking(&pair.two, "work.change", &json!({}));
        spoke.expect("call.requested").await;
        let stream = streaming(&pair.two, "dev.work.items", &json!({}));
        let asked = spoke.expect("call.requested").await;
        spoke.respond(&asked["requestId"], json!(1)).await;
        drop(spoke);
        let problem = call.await.expect("answered").problem(499, "ABORTED");
        assert_eq!(problem["details"]["reason"], "spoke_disconnected");
        let heard = events(&stream.await.expect("ended").body);
        let (_, last) = heard.last().expect("an end");
        assert!(last.to_string().contains("spoke_disconnected"), "{heard:?}");
        forgets(&pair.two, "dev").await;
    })
    .await;
}

#[tokio::test]
async fn one_connection_has_an_id_in_all_processes() {
    each_pair(async |pair| {
        let offered = [operation("work", "wait", "query")];
        let mut older = Wire::spoke(&pair.one, ADMIN, "dev", &offered).await;
        knows(&pair.two, "dev", 1).await;
        // Of another key it is refused, wherever it asks.
        let key = pair.two.key(&["spoke:connect"]).await;
        let mut stranger = Wire::connect_as(&pair.two, &key).await;
        let input = json!({ "spokeId": "dev", "spokeType": "dev", "operations": offered });
        let refused = stranger.call("r", "hub.register", input).await;
        assert_eq!(refused["payload"]["code"], "SPOKE_ID_TAKEN", "{refused}");
        let before = pair.two.get("/api/spokes/dev").await.ok()["spoke"].clone();
        let mut newer = Wire::spoke(&pair.two, ADMIN, "dev", &offered).await;
        assert_eq!(older.closed().await, Some(4409));
        until("the other knows the newer one", PATIENCE, async || {
            let shown = pair.one.get("/api/spokes/dev").await;
            shown.status == 200 && shown.json()["spoke"]["nodeId"] != before["nodeId"]
        })
        .await;
        let after = pair.one.get("/api/spokes/dev").await.ok()["spoke"].clone();
        assert!(after["epoch"].as_i64() > before["epoch"].as_i64());
        let call = asking(&pair.one, "dev.work.wait", &json!({}));
        let asked = newer.expect("call.requested").await;
        newer.respond(&asked["requestId"], json!("newer")).await;
        assert_eq!(call.await.expect("answered").ok()["data"], "newer");
    })
    .await;
}

#[tokio::test]
async fn a_query_moves_on_when_a_spoke_of_another_process_is_lost() {
    each_pair(async |pair| {
        let offered = [operation("work", "wait", "query")];
        let mut there = Wire::spoke(&pair.one, ADMIN, "there", &offered).await;
        knows(&pair.two, "there", 1).await;
        let call = asking(&pair.two, "work.wait", &json!({}));
        there.expect("call.requested").await;
        let mut here = Wire::spoke(&pair.two, ADMIN, "here", &offered).await;
        drop(there);
        let asked = here.expect("call.requested").await;
        here.respond(&asked["requestId"], json!("here")).await;
        assert_eq!(call.await.expect("answered").ok()["data"], "here");
    })
    .await;
}

#[tokio::test]
async fn a_process_that_dies_fails_what_waits_for_its_spokes_when_its_lease_ends() {
    each_pair(async |pair| {
        // What a killed process leaves behind: a lease that runs for a while yet, and a spoke.
        let now = alkhub::storage::time::now_ms();
        let operations = json!([operation("work", "wait", "query")]);
        let backend = &pair.two.backend;
        backend
            .execute(&format!(
                "INSERT INTO nodes (id, address, version, epoch, spokes, started_at, seen_at, lease_ms) \
                 VALUES ('dead', '127.0.0.1:1', '0.0.1', 1000001, 1, {now}, {now}, 600000)"
            ))
            .await;
        backend
            .execute(&format!(
                "INSERT INTO spoke_homes (spoke_id, node_id, epoch, key_id, spoke_type, connected_at, operations) \
                 VALUES ('dev', 'dead', 1, 'k', 'dev', {now}, '{operations}')"
            ))
            .await;
        backend.execute("UPDATE hub_state SET value = value + 1 WHERE name = 'spoke_epoch'").await;
        knows(&pair.two, "dev", 1).await;
        let call = asking(&pair.two, "dev.work.wait", &json!({}));
        until("the call waits", PATIENCE, async || {
            pair.two.get("/api/spokes/dev").await.ok()["spoke"]["callsRunning"] == 1
        })
        .await;
        backend.execute("UPDATE nodes SET lease_ms = 0 WHERE id = 'dead'").await;
        let problem = call.await.expect("answered").problem(499, "ABORTED");
        assert_eq!(problem["details"]["reason"], "spoke_disconnected");
        forgets(&pair.two, "dev").await;
    })
    .await;
}

#[tokio::test]
async fn without_redis_a_call_to_another_process_fails_at_once_and_works_again_afterwards() {
    each_pair(async |pair| {
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &[operation("work", "wait", "query")]).await;
        knows(&pair.two, "dev", 1).await;
        pair.redis.kill();
        until("the bus is away", PATIENCE, async || {
            pair.two.get("/readyz").await.json()["bus"] == "unreachable"
        })
        .await;
        let body = json!({ "operationId": "dev.work.wait", "input": {} });
        let refused = pair.two.post("/api/call", body.clone()).await;
        refused.problem(503, "UNAVAILABLE");
        assert!(refused.headers.contains_key("retry-after"));
        pair.redis.run().await;
        // The gap that each process hears at its own moment may still end one or another.
        let answering = async {
            loop {
                let asked = spoke.next().await;
                if asked["type"] == "call.requested" {
                    spoke.respond(&asked["payload"]["requestId"], json!("back")).await;
                }
            }
        };
        tokio::select! {
            _ = until("calls get through", PATIENCE, async || {
                pair.two.post("/api/call", body.clone()).await.status == 200
            }) => {}
            () = answering => {}
        }
    })
    .await;
}

#[tokio::test]
async fn a_spoke_that_the_others_have_forgotten_is_told_to_come_back() {
    each_pair(async |pair| {
        let offered = [operation("work", "wait", "query")];
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &offered).await;
        knows(&pair.two, "dev", 1).await;
        // As when its process was taken for dead.
        pair.one.backend.execute("DELETE FROM spoke_homes").await;
        pair.one.backend.execute("UPDATE hub_state SET value = value + 1 WHERE name = 'spoke_epoch'").await;
        assert_eq!(spoke.closed().await, Some(1012));
        forgets(&pair.one, "dev").await;
        forgets(&pair.two, "dev").await;
        let _again = Wire::spoke(&pair.one, ADMIN, "dev", &offered).await;
        knows(&pair.two, "dev", 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_row_without_a_connection_is_taken_out_by_its_own_process() {
    each_pair(async |pair| {
        let spoke = Wire::spoke(&pair.one, ADMIN, "dev", &[operation("work", "wait", "query")]).await;
        knows(&pair.two, "dev", 1).await;
        // What is left where the database was away when a spoke went.
        let backend = &pair.one.backend;
        backend
            .execute(
                "INSERT INTO spoke_homes (spoke_id, node_id, epoch, key_id, spoke_type, connected_at, operations) \
                 SELECT 'ghost', node_id, 0, key_id, spoke_type, connected_at, operations FROM spoke_homes",
            )
            .await;
        backend.execute("UPDATE hub_state SET value = value + 1 WHERE name = 'spoke_epoch'").await;
        until("the row is gone", PATIENCE, async || {
            backend.count("SELECT COUNT(*) AS count FROM spoke_homes").await == 1
        })
        .await;
        drop(spoke);
        forgets(&pair.two, "dev").await;
    })
    .await;
}
