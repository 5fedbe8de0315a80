//! Hubs on one database and one Redis.

use std::sync::Arc;

use alkhub::config::Config;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    database::Backend,
    hub::{ADMIN, Answer, TestHub},
    redis::{PATIENCE, RedisServer},
    until,
    wire::{Wire, asking, operation},
};

async fn bus(hub: &TestHub) -> Value {
    Answer::of(hub.request(Method::GET, "/readyz")).await.json()["bus"].clone()
}

async fn bus_is(hub: &TestHub, state: &str) {
    until("the bus is as expected", PATIENCE, async || bus(hub).await == state).await;
}

/// A connection that has subscribed to both signals.
async fn watcher(hub: &TestHub) -> Wire {
    let mut watcher = Wire::connect(hub).await;
    for topic in ["spoke.connected", "spoke.disconnected"] {
        watcher.send("__subscribe", json!(topic)).await;
    }
    watcher.call("sync", "kit.live", json!({})).await;
    watcher
}

#[tokio::test]
async fn a_listener_on_one_hub_hears_of_the_spokes_of_another() {
    let Some(server) = RedisServer::start(None).await else { return };
    for backend in Backend::all().await {
        let backend = Arc::new(backend);
        let with = |config: &mut Config| config.redis.url = Some(server.url().into());
        let mut one = TestHub::start(backend.clone(), with).await;
        let mut two = TestHub::start(backend.clone(), with).await;
        bus_is(&one, "ok").await;
        bus_is(&two, "ok").await;
        let mut here = watcher(&one).await;
        let mut there = watcher(&two).await;
        let spoke = Wire::spoke(&one, ADMIN, "dev", &[operation("a", "b", "query")]).await;
        for watcher in [&mut here, &mut there] {
            let event = watcher.expect("spoke.connected").await;
            assert_eq!(event["spokeId"], "dev");
        }
        drop(spoke);
        for watcher in [&mut here, &mut there] {
            let event = watcher.expect("spoke.disconnected").await;
            assert_eq!(event["spokeId"], "dev");
        }
        // A hub that stops tells of the spokes that it parts from.
        let _spoke = Wire::spoke(&one, ADMIN, "dev", &[operation("a", "b", "query")]).await;
        assert_eq!(there.expect("spoke.connected").await["spokeId"], "dev");
        one.stop().await;
        assert_eq!(there.expect("spoke.disconnected").await["spokeId"], "dev");
        two.stop().await;
    }
}

#[tokio::test]
async fn without_redis_a_hub_serves_and_says_so() {
    let Some(mut server) = RedisServer::start(None).await else { return };
    let backend = Arc::new(Backend::all().await.swap_remove(0));
    let url = server.url();
    let mut hub = TestHub::start(backend.clone(), |config| config.redis.url = Some(url.clone().into())).await;
    let mut strict = TestHub::start(backend.clone(), |config| {
        config.redis.url = Some(url.clone().into());
        config.redis.required = true;
    })
    .await;
    bus_is(&hub, "ok").await;
    bus_is(&strict, "ok").await;
    server.kill();
    bus_is(&hub, "unreachable").await;
    bus_is(&strict, "unreachable").await;
    assert_eq!(hub.get("/readyz").await.status, 200);
    assert_eq!(strict.get("/readyz").await.status, 503);
    // Calls, spokes, and their signals within the process go on.
    let mut watcher = watcher(&hub).await;
    let mut spoke = Wire::spoke(&hub, ADMIN, "dev", &[operation("a", "b", "query")]).await;
    assert_eq!(watcher.expect("spoke.connected").await["spokeId"], "dev");
    let asked = asking(&hub, "dev.a.b", &json!({}));
    let request = spoke.expect("call.requested").await;
    spoke.respond(&request["requestId"], json!("here")).await;
    assert_eq!(asked.await.expect("asked").ok()["data"], "here");
    hub.get("/api/projects").await.ok();
    server.run().await;
    bus_is(&hub, "ok").await;
    bus_is(&strict, "ok").await;
    let page = hub.get("/metrics").await.body;
    let count = |name: &str| -> f64 {
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} in {page}")).parse().expect("a number")
    };
    assert!(count("alkhub_bus_reconnects_total") >= 2.0);
    assert!(count("alkhub_bus_dropped_total") >= 1.0);
    for name in ["alkhub_bus_published_total", "alkhub_bus_received_total"] {
        assert!(count(name) >= 0.0);
    }
    assert!(hub.stop().await && strict.stop().await);
}

#[tokio::test]
async fn a_single_hub_needs_no_redis() {
    let backend = Arc::new(Backend::all().await.swap_remove(0));
    let mut hub = TestHub::start(backend, |_| {}).await;
    assert_eq!(bus(&hub).await, "local");
    hub.stop().await;
}
