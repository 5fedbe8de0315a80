//! The processes of a hub know of each other.

use std::sync::Arc;

use alkhub::config::Config;
use serde_json::Value;

use crate::support::{
    database::Backend,
    hub::{ADMIN, TestHub},
    redis::PATIENCE,
    until,
    wire::{Wire, operation},
};

async fn nodes(hub: &TestHub) -> Vec<Value> {
    hub.get("/api/nodes").await.ok()["items"].as_array().expect("items").clone()
}

/// The heartbeat stays as it is: with a shorter one, a loaded machine would miss three of them.
fn named(name: &str) -> impl Fn(&mut Config) {
    move |config| config.cluster.name = Some(name.to_owned())
}

#[tokio::test]
async fn processes_on_one_database_are_listed_and_a_stop_takes_one_away() {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let backend = Arc::new(backend);
        let mut one = TestHub::start(backend.clone(), named("one")).await;
        let mut two = TestHub::start(backend.clone(), named("two")).await;
        let listed = nodes(&two).await;
        let names: Vec<_> = listed.iter().map(|node| node["name"].as_str()).collect();
        assert_eq!(names, [Some("one"), Some("two")], "in the order of their starts");
        assert_eq!((&listed[0]["here"], &listed[1]["here"]), (&false.into(), &true.into()));
        assert!(listed[0]["epoch"].as_i64() < listed[1]["epoch"].as_i64());
        assert_ne!(listed[0]["nodeId"], listed[1]["nodeId"]);
        assert_eq!(format!("http://{}", listed[1]["address"].as_str().expect("an address")), two.url);
        assert_eq!(listed[1]["version"], env!("CARGO_PKG_VERSION"));
        // A page at a time.
        let first = two.get("/api/nodes?limit=1").await.ok();
        let cursor = first["nextCursor"].as_str().expect("more");
        let rest = two.get(&format!("/api/nodes?limit=1&cursor={cursor}")).await.ok();
        assert_eq!((&first["items"][0]["name"], &rest["items"][0]["name"]), (&"one".into(), &"two".into()));
        assert_eq!(rest["nextCursor"], Value::Null);
        assert_eq!(two.get("/api/nodes?cursor=eA").await.faults(), ["/cursor"]);
        // Signs of life tell of spokes.
        let _spoke = Wire::spoke(&one, ADMIN, "dev", &[operation("a", "b", "query")]).await;
        until("the other tells of its spoke", PATIENCE, async || nodes(&two).await[0]["spokes"] == 1).await;
        assert!(one.stop().await);
        let left = nodes(&two).await;
        assert_eq!(left.len(), 1, "gone at once: {left:?}");
        assert_eq!(left[0]["name"], "two");
        two.stop().await;
    }
}

#[tokio::test]
async fn a_process_that_died_is_forgotten_when_its_lease_ends() {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let backend = Arc::new(backend);
        let mut hub = TestHub::start(backend.clone(), named("here")).await;
        // What a killed process leaves behind: one whose lease runs for a while yet, and one whose lease is over.
        let now = alkhub::storage::time::now_ms();
        for (id, epoch, seen) in [("late", 1_000_001, now - 50_000), ("dead", 1_000_002, now - 70_000)] {
            backend
                .execute(&format!(
                    "INSERT INTO nodes (id, address, version, epoch, spokes, started_at, seen_at, lease_ms) \
                     VALUES ('{id}', '127.0.0.1:1', '0.0.1', {epoch}, 3, {seen}, {seen}, 60000)"
                ))
                .await;
        }
        let listed = nodes(&hub).await;
        let states: Vec<_> =
            listed.iter().map(|node| (node["nodeId"].as_str(), node["lease"].as_str())).collect();
        assert_eq!(states[1..], [(Some("late"), Some("late"))], "the dead one is not listed");
        assert_eq!((listed.len(), &listed[0]["lease"]), (2, &"live".into()));
        // Its row goes too, and a process that is taken for dead is known again at its next sign of life.
        backend.execute("DELETE FROM nodes WHERE id <> 'dead'").await;
        until("known again", PATIENCE, async || {
            nodes(&hub).await.first().is_some_and(|node| node["name"] == "here")
        })
        .await;
        // A new one of this id could not be entered if the row were still there.
        until("the row is gone", PATIENCE, async || {
            let rows = backend.count("SELECT COUNT(*) AS count FROM nodes").await;
            rows == 1
        })
        .await;
        hub.stop().await;
    }
}
