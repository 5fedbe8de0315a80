//! Trees that are watched while they grow, and operations by how they fare.

use serde_json::{Value, json};

use super::recorded;
use crate::support::{
    hub::{ADMIN, each_hub},
    wire::{Wire, asking, operation},
};

#[tokio::test]
async fn a_tree_is_watched_until_nothing_of_it_runs() {
    each_hub(async |hub| {
        let mut a = Wire::spoke(hub, ADMIN, "a", &[operation("work", "outer", "query")]).await;
        let mut b = Wire::spoke(hub, ADMIN, "b", &[operation("work", "inner", "query")]).await;
        let call = asking(hub, "a.work.outer", &json!({}));
        let outer = a.expect("call.requested").await;
        let id = outer["requestId"].as_str().expect("an id").to_owned();
        let mut client = Wire::connect(hub).await;
        // It may not be written yet.
        let mut first = Value::Null;
        for attempt in 0.. {
            client.request(&format!("w{attempt}"), "call.watch", json!({ "requestId": id })).await;
            first = client.next().await;
            if first["type"] != "call.error" {
                break;
            }
        }
        let data = |message: &Value| message["payload"]["output"]["data"].clone();
        assert_eq!(data(&first)["added"]["requestId"], *id, "{first}");
        let nested =
            json!({ "requestId": "n", "operationId": "b.work.inner", "input": {}, "parentRequestId": id });
        a.send("call.requested", nested).await;
        let inner = b.expect("call.requested").await;
        let added = data(&client.next().await);
        assert_eq!(added["added"]["operationId"], "b.work.inner", "{added}");
        b.respond(&inner["requestId"], json!("inner")).await;
        a.expect("call.responded").await;
        let changed = data(&client.next().await);
        assert_eq!(changed["changed"]["status"], "completed", "{changed}");
        assert_eq!(changed["changed"]["requestId"], added["added"]["requestId"]);
        a.respond(&outer["requestId"], json!("outer")).await;
        call.await.expect("answered").ok();
        let changed = data(&client.next().await);
        assert_eq!(
            (&changed["changed"]["requestId"], &changed["changed"]["status"]),
            (&json!(id), &json!("completed"))
        );
        assert_eq!(client.next().await["type"], "call.completed");
        // Later, from the beginning and from where it was: nothing is missing.
        for (since, least) in [(None, 2), (added["cursor"].as_str(), 1)] {
            let mut input = json!({ "requestId": id });
            if let Some(since) = since {
                input["since"] = since.into();
            }
            client.request("again", "call.watch", input).await;
            let mut seen = 0;
            loop {
                let message = client.next().await;
                if message["type"] == "call.completed" {
                    break;
                }
                assert_eq!(data(&message)["added"]["status"], "completed", "{message}");
                seen += 1;
            }
            assert!(seen >= least, "{seen} of {least}");
        }
    })
    .await;
}

#[tokio::test]
async fn slow_and_failing_operations_are_named() {
    each_hub(async |hub| {
        for _ in 0..3 {
            hub.get("/api/projects/none").await.problem(404, "PROJECT_NOT_FOUND");
            hub.get("/api/projects").await.ok();
        }
        recorded(hub, "project.get", 3).await;
        recorded(hub, "project.list", 3).await;
        let stats = hub.get("/api/calls/stats").await.ok();
        let failing = stats["failing"].as_array().expect("a list");
        assert_eq!(failing.len(), 1, "{stats}");
        assert_eq!((&failing[0]["operationId"], &failing[0]["failed"]), (&json!("project.get"), &json!(3)));
        assert_eq!(failing[0]["errors"], json!([{ "code": "PROJECT_NOT_FOUND", "count": 3 }]));
        let slowest = stats["slowest"].as_array().expect("a list");
        assert!(
            slowest.iter().any(|one| one["operationId"] == "project.list" && one["calls"] == 3),
            "{stats}"
        );
        let other = hub.key(&["project:read"]).await;
        let none = hub.get_as(&other, "/api/calls/stats").await.ok();
        assert_eq!(none["calls"], 0, "others' calls are not counted for a caller that may not see them");
        // Filters find the same calls.
        for (query, count) in [
            ("operationId=project.get&status=failed", 3),
            ("errorCode=PROJECT_NOT_FOUND", 3),
            ("operationId=project.list&status=failed", 0),
            ("operationId=project.list&minDurationMs=60000", 0),
            ("operationId=project.list&since=2999-01-01T00:00:00Z", 0),
            ("operationId=project.list&until=2999-01-01T00:00:00Z&roots=true", 3),
        ] {
            let page = hub.get(&format!("/api/calls?{query}")).await.ok();
            assert_eq!(page["items"].as_array().map(Vec::len), Some(count), "{query}: {page}");
        }
        let first = hub.get("/api/calls?operationId=project.list&limit=2").await.ok();
        let cursor = first["nextCursor"].as_str().expect("a cursor");
        let second =
            hub.get(&format!("/api/calls?operationId=project.list&limit=2&cursor={cursor}")).await.ok();
        assert_eq!(second["items"].as_array().map(Vec::len), Some(1));
    })
    .await;
}
