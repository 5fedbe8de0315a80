//! What the log tells of spokes, and how programs beside the hub hear of what the log tells.

use futures::StreamExt;
use serde_json::{Value, json};

use super::forwarding::each_pair_with;
use crate::support::{
    events::publish,
    hub::{ADMIN, TestHub, each_hub},
    redis::PATIENCE,
    until,
    wire::{Wire, operation},
};

/// Types of what is told of spokes, with the epoch, from the log.
async fn told(hub: &TestHub, key: &str) -> Vec<(String, i64)> {
    let log = hub.get_as(key, "/api/events/log?types=spoke.*").await.ok();
    let items = log["items"].as_array().expect("items").clone();
    let one = |event: &Value| {
        let kind = event["type"].as_str().expect("a type").to_owned();
        assert_eq!(event["id"], "");
        (kind, event["payload"]["epoch"].as_i64().expect("a number"))
    };
    items.iter().map(one).collect()
}

#[tokio::test]
async fn a_single_process_writes_down_spokes_that_come_and_go() {
    each_hub(async |hub| {
        let spoke = Wire::spoke(hub, ADMIN, "dev", &[operation("a", "b", "query")]).await;
        let mut newer = Wire::spoke(hub, ADMIN, "dev", &[operation("a", "b", "query")]).await;
        let epoch = hub.get("/api/spokes/dev").await.ok()["spoke"]["epoch"].as_i64();
        drop(spoke);
        until("both are written down", PATIENCE, async || told(hub, ADMIN).await.len() == 2).await;
        newer.socket.close(None).await.expect("closed");
        drop(newer);
        until("its end is written down", PATIENCE, async || told(hub, ADMIN).await.len() == 3).await;
        let all = told(hub, ADMIN).await;
        let kinds: Vec<_> = all.iter().map(|(kind, _)| kind.as_str()).collect();
        // That the older one was replaced is no end of the spoke.
        assert_eq!(kinds, ["spoke.connected", "spoke.connected", "spoke.disconnected"]);
        assert_eq!((Some(all[1].1), Some(all[2].1)), (epoch, epoch));
        let reader = hub.key(&["event:read", "spoke:read"]).await;
        assert_eq!(told(hub, &reader).await, all);
        let stranger = hub.key(&["event:read"]).await;
        assert_eq!(told(hub, &stranger).await, []);
    })
    .await;
}

#[tokio::test]
async fn what_the_log_tells_is_heard_on_redis() {
    let change = |config: &mut alkhub::config::Config| {
        config.redis.prefix = "hub1:".to_owned();
        config.events.custom = vec!["custom.*".to_owned()];
    };
    each_pair_with(change, async |pair| {
        let client = redis::Client::open(pair.redis.url()).expect("an address");
        let (mut sink, mut heard) = client.get_async_pubsub().await.expect("connected").split();
        for channel in ["hub1:custom.done:a", "hub1:project.created:*", "hub1:spoke.connected:"] {
            sink.psubscribe(channel).await.expect("subscribed");
        }
        // The next one of this type; what came before may come again, where another process has stepped in.
        let mut next = async |kind: &str| loop {
            let message = tokio::time::timeout(PATIENCE, heard.next()).await.expect("heard").expect("open");
            let text: String = message.get_payload().expect("text");
            let message =
                (message.get_channel_name().to_owned(), serde_json::from_str::<Value>(&text).expect("JSON"));
            if message.1["type"] == kind {
                return message;
            }
        };
        publish(&pair.one, "custom.done", "a", json!({ "n": 1 })).await;
        let expected = json!({ "type": "custom.done", "id": "a", "payload": { "n": 1 } });
        assert_eq!(next("custom.done").await, ("hub1:custom.done:a".to_owned(), expected));
        let body = json!({ "name": "p", "repository": "https://git.example/p" });
        let id = pair.two.post("/api/projects", body).await.ok()["id"].as_str().expect("an id").to_owned();
        let (channel, message) = next("project.created").await;
        assert_eq!((channel, &message["id"]), (format!("hub1:project.created:{id}"), &id.clone().into()));
        let _spoke = Wire::spoke(&pair.two, ADMIN, "dev", &[operation("a", "b", "query")]).await;
        let (channel, message) = next("spoke.connected").await;
        assert_eq!((&*channel, &message["id"]), ("hub1:spoke.connected:", &"".into()));
        assert_eq!(message["payload"]["spokeId"], "dev");
        // What a process had numbered that died before it was published, is published by another one.
        let backend = &pair.one.backend;
        until("the mark has come as far as the log", PATIENCE, async || {
            let count = "SELECT COUNT(*) AS count FROM hub_state a, hub_state b WHERE a.name = 'event_seq' \
                         AND b.name = 'event_published' AND a.value = b.value";
            backend.count(count).await == 1
        })
        .await;
        backend.execute("UPDATE hub_state SET value = value - 1 WHERE name = 'event_published'").await;
        let (channel, again) = next("spoke.connected").await;
        assert_eq!((&*channel, again), ("hub1:spoke.connected:", message));
    })
    .await;
}
