//! Registering: who may, under which id, what of it is usable, and how it comes and goes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    hub::{ADMIN, TestHub, each_hub, each_hub_with},
    until,
    wire::{Wire, asking, operation},
};

/// A key for the ids of a pattern.
async fn limited(hub: &TestHub, pattern: &str) -> String {
    let body = json!({
        "name": "spoke", "scopes": ["spoke:connect"], "resources": { format!("spoke:{pattern}"): ["connect"] },
    });
    hub.post("/api/keys", body).await.ok()["token"].as_str().expect("a token").to_owned()
}

async fn refused(hub: &TestHub, key: &str, input: Value) -> Value {
    let mut wire = Wire::connect_as(hub, key).await;
    let answer = wire.call("register", "hub.register", input).await;
    assert_eq!(answer["type"], "call.error", "{answer}");
    answer["payload"].clone()
}

#[tokio::test]
async fn without_the_scope_nobody_registers() {
    each_hub(async |hub| {
        let key = hub.key(&["project:read"]).await;
        let error = refused(hub, &key, json!({ "spokeType": "dev" })).await;
        assert_eq!(error["code"], "ACCESS_DENIED");
        assert_eq!(error["details"]["requiredScopes"], json!(["spoke:connect"]));
        // Over HTTP there is no connection to register.
        let answer = hub.post("/api/call", json!({ "operationId": "hub.register", "input": {} })).await;
        assert!(answer.status.is_client_error(), "{answer:?}");
    })
    .await;
}

#[tokio::test]
async fn a_key_may_be_limited_to_ids_of_a_pattern() {
    each_hub(async |hub| {
        let key = limited(hub, "build-*").await;
        let mut allowed = Wire::connect_as(hub, &key).await;
        assert_eq!(allowed.register("build-1", &[]).await["spokeId"], "build-1");
        let error = refused(hub, &key, json!({ "spokeType": "dev", "spokeId": "dev" })).await;
        assert_eq!(error["code"], "SPOKE_ID_FORBIDDEN", "{error}");
    })
    .await;
}

#[tokio::test]
async fn an_id_belongs_to_the_key_that_holds_it() {
    each_hub(async |hub| {
        let (first, second) = (hub.key(&["spoke:connect"]).await, hub.key(&["spoke:connect"]).await);
        let _holder = Wire::spoke(hub, &first, "dev", &[operation("a", "b", "query")]).await;
        let error = refused(hub, &second, json!({ "spokeType": "dev", "spokeId": "dev" })).await;
        assert_eq!(error["code"], "SPOKE_ID_TAKEN", "{error}");
        // Nor is the name of an imported service: a spoke must not serve what is called for that service's.
        let pets = json!({
            "openapi": "3.1.0", "info": { "title": "Pets", "version": "1" }, "servers": [{ "url": "https://pets.invalid" }],
            "paths": { "/pets": { "get": { "operationId": "list", "responses": { "200": { "description": "All." } } } } },
        });
        hub.post("/api/openapi", json!({ "name": "pets", "document": pets })).await.ok();
        let error = refused(hub, &first, json!({ "spokeType": "dev", "spokeId": "pets" })).await;
        assert_eq!(error["code"], "SPOKE_ID_TAKEN", "{error}");
        // The namespaces of the hub are nobody's ids.
        let error = refused(hub, &first, json!({ "spokeType": "dev", "spokeId": "project" })).await;
        assert_eq!(error["code"], "SPOKE_ID_TAKEN", "{error}");
        let error = refused(hub, &first, json!({ "spokeType": "dev", "spokeId": "No Id" })).await;
        assert_eq!(error["details"]["faults"][0]["pointer"], "/spokeId", "{error}");
        // Who brings none gets one.
        let mut nameless = Wire::connect_as(hub, &second).await;
        let welcome = nameless.call("r", "hub.register", json!({ "spokeType": "dev" })).await;
        let data = &welcome["payload"]["output"]["data"];
        assert_eq!(data["spokeId"], data["prefix"]);
        assert!(data["heartbeatIntervalMs"].as_u64().is_some_and(|interval| interval > 0));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_used_is_rejected_one_by_one_with_a_reason() {
    each_hub_with(
        |config| config.spokes.operations = 3,
        async |hub| {
            let mut nested = json!({ "type": "string" });
            for _ in 0..24 {
                nested = json!({ "type": "object", "properties": { "x": nested } });
            }
            let with = |name: &str, field: &str, value: Value| {
                let mut operation = operation("a", name, "query");
                operation[field] = value;
                operation
            };
            let operations = [
                operation("a", "good", "query"),
                operation("a", "good", "query"),
                operation("project", "list", "query"),
                with("wrongtype", "type", json!("question")),
                with("wrongschema", "inputSchema", json!({ "type": "nonsense" })),
                with("remote", "inputSchema", json!({ "$ref": "http://127.0.0.1:1/schema.json" })),
                with("file", "inputSchema", json!({ "$ref": "file:///etc/passwd" })),
                with("deep", "inputSchema", nested),
                with("large", "description", json!("x".repeat(70_000))),
                operation("with space", "x", "query"),
                json!({ "name": "nothing else" }),
                json!(7),
                operation("a", "second", "query"),
                operation("a", "third", "query"),
                operation("a", "fourth", "query"),
            ];
            let mut wire = Wire::connect(hub).await;
            let welcome = wire.register("dev", &operations).await;
            assert_eq!(welcome["accepted"], json!(["a.good", "a.second", "a.third"]));
            let rejected = welcome["rejected"].as_array().expect("a list");
            assert_eq!(rejected.len(), 12, "{rejected:#?}");
            for (index, (id, words)) in [
                ("a.good", "twice"),
                ("project.list", "the hub has"),
                ("a.wrongtype", "question"),
                ("a.wrongschema", "schema"),
                ("a.remote", "schema"),
                ("a.file", "schema"),
                ("a.deep", "levels deep"),
                ("a.large", "larger than"),
                ("with space.x", "namespace"),
                ("operations[10]", "namespace"),
                ("operations[11]", ""),
                ("a.fourth", "3 operations"),
            ]
            .into_iter()
            .enumerate()
            {
                assert_eq!(rejected[index]["id"], id, "{rejected:#?}");
                let reason = rejected[index]["reason"].as_str().expect("a reason");
                assert!(reason.contains(words), "{id}: {reason}");
            }
            // The hub's own operation is as it was.
            hub.get("/api/projects").await.ok();
        },
    )
    .await;
}

#[tokio::test]
async fn operations_come_and_go_with_the_connection() {
    each_hub(async |hub| {
        let mut spoke = Wire::spoke(hub, ADMIN, "dev", &[operation("disk", "read", "query")]).await;
        let body = json!({ "operationId": "dev.disk.read" });
        assert_eq!(hub.get("/api/operations/dev.disk.read").await.ok()["spoke"], "dev");
        let found = hub.get("/api/operations/search?query=disk").await.ok();
        assert!(found.to_string().contains("dev.disk.read"), "{found}");
        // Registering again replaces the set.
        spoke.register("dev", &[operation("disk", "write", "mutation")]).await;
        hub.post("/api/call", body.clone()).await.problem(404, "OPERATION_NOT_FOUND");
        assert_eq!(hub.get("/api/operations/dev.disk.write").await.ok()["type"], "mutation");
        // So does another id over the same connection.
        spoke.register("other", &[operation("disk", "write", "mutation")]).await;
        hub.get("/api/operations/dev.disk.write").await.problem(404, "OPERATION_NOT_FOUND");
        hub.get("/api/operations/other.disk.write").await.ok();
        drop(spoke);
        until("it is gone", Duration::from_secs(30), async || {
            hub.get("/api/operations/other.disk.write").await.status == 404
        })
        .await;
        hub.get("/api/operations/disk.write").await.problem(404, "OPERATION_NOT_FOUND");
        assert_eq!(hub.get("/api/spokes").await.ok()["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_newer_connection_replaces_the_older_one_and_its_calls_end() {
    each_hub(async |hub| {
        let key = hub.key(&["spoke:connect"]).await;
        let mut old = Wire::spoke(hub, &key, "dev", &[operation("disk", "read", "query")]).await;
        let call = asking(hub, "dev.disk.read", &json!({}));
        old.expect("call.requested").await;
        let before = hub.get("/api/spokes/dev").await.ok()["spoke"]["epoch"].as_u64();
        let mut new = Wire::spoke(hub, &key, "dev", &[operation("disk", "read", "query")]).await;
        let problem = call.await.expect("answered").problem(499, "ABORTED");
        assert_eq!(problem["details"]["reason"], "spoke_disconnected");
        assert_eq!(old.closed().await, Some(4409));
        assert!(hub.get("/api/spokes/dev").await.ok()["spoke"]["epoch"].as_u64() > before);
        let call = asking(hub, "dev.disk.read", &json!({}));
        let asked = new.expect("call.requested").await;
        new.respond(&asked["requestId"], json!("new")).await;
        assert_eq!(call.await.expect("answered").ok()["data"], "new");
    })
    .await;
}

#[tokio::test]
async fn spokes_are_listed_with_what_they_say_and_can_be_disconnected() {
    each_hub(async |hub| {
        let mut spoke = Wire::spoke(hub, ADMIN, "dev", &[operation("disk", "read", "query")]).await;
        let beat = spoke.call("h", "hub.heartbeat", json!({ "status": "busy", "load": 2.5 })).await;
        assert!(beat["payload"]["output"]["data"]["serverTime"].is_u64(), "{beat}");
        let listed = hub.get("/api/spokes").await.ok();
        assert_eq!(listed["items"][0]["spokeId"], "dev", "{listed}");
        assert_eq!(listed["items"][0]["status"], "busy", "{listed}");
        let shown = hub.get("/api/spokes/dev").await.ok();
        assert_eq!(shown["operationIds"], json!(["dev.disk.read"]), "{shown}");
        hub.get("/api/spokes/none").await.problem(404, "SPOKE_NOT_FOUND");
        hub.post("/api/spokes/dev/disconnect", json!({})).await.ok();
        assert_eq!(spoke.closed().await, Some(4410));
        until("it is gone", Duration::from_secs(30), async || hub.get("/api/spokes/dev").await.status == 404)
            .await;
        let reader = hub.key(&["spoke:read"]).await;
        hub.get_as(&reader, "/api/spokes").await.ok();
        hub.post_as(&reader, "/api/spokes/dev/disconnect", json!({})).await.problem(403, "ACCESS_DENIED");
    })
    .await;
}

#[tokio::test]
async fn a_bad_call_never_reaches_the_spoke_and_what_may_not_be_called_is_not_seen() {
    each_hub(async |hub| {
        let mut guarded = operation("disk", "read", "query");
        guarded["inputSchema"] = json!({
            "type": "object", "required": ["path"], "properties": { "path": { "type": "string", "maxLength": 5 } },
        });
        guarded["accessControl"] = json!({ "requiredScopes": ["disk:read"] });
        let mut spoke = Wire::spoke(hub, ADMIN, "dev", &[guarded]).await;
        for (input, pointer) in [(json!({}), ""), (json!({ "path": 1 }), "/path"), (json!({ "path": "abcdef" }), "/path")]
        {
            let faults =
                hub.post("/api/call", json!({ "operationId": "dev.disk.read", "input": input })).await.faults();
            assert!(faults[0].starts_with(pointer), "{faults:?}");
        }
        let stranger = hub.key(&["project:read"]).await;
        let body = json!({ "operationId": "dev.disk.read", "input": { "path": "a" } });
        hub.post_as(&stranger, "/api/call", body.clone()).await.problem(403, "ACCESS_DENIED");
        hub.get_as(&stranger, "/api/operations/dev.disk.read").await.problem(404, "OPERATION_NOT_FOUND");
        // A key that has exactly the scope is shown to the spoke as it is.
        let reader = hub.key(&["disk:read"]).await;
        let request = hub.request_as(&reader, reqwest::Method::POST, "/api/call").json(&body);
        let call = tokio::spawn(crate::support::hub::Answer::of(request));
        let asked = spoke.expect("call.requested").await;
        assert_eq!(asked["input"], json!({ "path": "a" }));
        assert_eq!(asked["identity"]["scopes"], json!(["disk:read"]));
        spoke.respond(&asked["requestId"], json!(1)).await;
        call.await.expect("answered").ok();
    })
    .await;
}
