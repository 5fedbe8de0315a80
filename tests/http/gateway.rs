//! Any operation by its id.

use serde_json::json;

use crate::support::hub::each_hub;

#[tokio::test]
async fn a_call_answers_with_an_envelope() {
    each_hub(async |hub| {
        let answer = hub
            .post("/api/call", json!({ "operationId": "kit.echo", "input": { "text": "ab", "times": 2 } }))
            .await
            .ok();
        assert_eq!(answer["data"], json!({ "text": "abab" }));
        assert_eq!(answer["meta"]["source"], "local");
        assert_eq!(answer["meta"]["operationId"], "kit.echo");
        assert!(answer["meta"]["timestamp"].as_u64().is_some_and(|ms| ms > 1_700_000_000_000));
        // The input may be absent where the operation needs none.
        hub.post("/api/call", json!({ "operationId": "hub.info" })).await.ok();
    })
    .await;
}

#[tokio::test]
async fn errors_of_the_inner_operation_come_through() {
    each_hub(async |hub| {
        let call = |id: &str, input| json!({ "operationId": id, "input": input });
        let problem = hub.post("/api/call", call("kit.fail", json!({ "how": "declared" }))).await;
        assert_eq!(problem.problem(409, "KIT_REFUSED")["details"]["reason"], "asked to");
        let faults = hub.post("/api/call", call("kit.echo", json!({ "txt": 1 }))).await.faults();
        assert_eq!(faults.len(), 2, "{faults:?}");
        let problem =
            hub.post("/api/call", call("kit.eco", json!({}))).await.problem(404, "OPERATION_NOT_FOUND");
        assert_eq!(problem["details"]["suggestion"], "kit.echo");
        hub.post("/api/call", call("kit.count", json!({ "to": 1 }))).await.problem(400, "BAD_REQUEST");
        hub.post("/api/subscribe", call("kit.echo", json!({ "text": "a" })))
            .await
            .problem(400, "BAD_REQUEST");
    })
    .await;
}

#[tokio::test]
async fn a_batch_answers_in_order_and_one_failure_stays_alone() {
    each_hub(async |hub| {
        let echo = |text: &str| json!({ "operationId": "kit.echo", "input": { "text": text } });
        let mut calls: Vec<_> = (0..50).map(|n| echo(&n.to_string())).collect();
        calls[7] = json!({ "operationId": "no.such" });
        calls[8] = json!({ "operationId": "kit.fail", "input": { "how": "panic" } });
        let answer = hub.post("/api/batch", json!({ "calls": calls })).await.ok();
        let results = answer["results"].as_array().expect("results");
        assert_eq!(results.len(), 50);
        for (number, result) in results.iter().enumerate() {
            match number {
                7 => assert_eq!(result["error"]["code"], "OPERATION_NOT_FOUND"),
                8 => assert_eq!(result["error"]["code"], "EXECUTION_ERROR"),
                _ => assert_eq!(result["output"]["data"]["text"], number.to_string()),
            }
        }
        let too_many = vec![echo("x"); 101];
        assert_eq!(hub.post("/api/batch", json!({ "calls": too_many })).await.faults(), ["/calls"]);
        assert_eq!(hub.post("/api/batch", json!({ "calls": [] })).await.faults(), ["/calls"]);
    })
    .await;
}

#[tokio::test]
async fn search_ranks_and_forgives() {
    each_hub(async |hub| {
        for (query, expected) in [
            ("create a project", "project.create"),
            ("creat projct", "project.create"),
            ("archive", "project.archive"),
            ("revoke key", "key.revoke"),
            ("rotate", "key.rotate"),
            ("audit log", "audit.list"),
            ("repository", "project.create"),
            ("who did what", "audit.list"),
            ("expiresAt", "key.create"),
            ("describe operation", "hub.schema"),
        ] {
            let path = format!("/api/operations/search?limit=3&query={}", query.replace(' ', "+"));
            let found = hub.get(&path).await.ok();
            let ids: Vec<&str> = found["operations"]
                .as_array()
                .expect("operations")
                .iter()
                .filter_map(|o| o["id"].as_str())
                .collect();
            assert!(ids.contains(&expected), "{query}: {ids:?}");
        }
        let none = hub.get("/api/operations/search?query=zzzzqqqq").await.ok();
        assert_eq!(none["operations"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn lists_are_paged() {
    each_hub(async |hub| {
        let (mut ids, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let after = cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = hub.get(&format!("/api/operations?limit=7{after}")).await.ok();
            let items = page["items"].as_array().expect("items");
            assert!(items.len() <= 7);
            ids.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        let sorted = {
            let mut sorted = ids.clone();
            sorted.sort();
            sorted.dedup();
            sorted
        };
        assert_eq!(ids, sorted);
        assert_eq!(ids.len(), alkhub_api::OPERATIONS.len() + alkhub_testkit::api::OPERATIONS.len());
        assert_eq!(hub.get("/api/operations?cursor=%21%21").await.faults(), ["/cursor"]);
    })
    .await;
}
