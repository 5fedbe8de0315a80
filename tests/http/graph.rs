//! The operation graph and call templates over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::hub::{Answer, each_hub};

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|item| item["operationId"].as_str()).collect()
}

#[tokio::test]
async fn what_can_be_done_with_a_project() {
    each_hub(async |hub| {
        let takes = hub.get("/api/graph/operations?type=Project&role=takes&limit=200").await.ok();
        assert!(ids(&takes).contains(&"project.archive"), "{takes}");
        assert!(!ids(&takes).contains(&"project.create"), "{takes}");
        let after = hub.get("/api/graph/successors?from=project.list&limit=200").await.ok();
        let items = after["items"].as_array().expect("items");
        let get =
            items.iter().find(|edge| edge["operationId"] == "project.get").expect("project.get follows");
        assert_eq!(get["compatible"], true);
        assert_eq!(get["bindings"][0]["input"], "/projectId");
        assert_eq!(get["bindings"][0]["output"], "/items/0/id");
        let path = hub.get("/api/graph/path?from=url&to=Project").await.ok();
        assert_eq!(path["found"], true, "{path}");
        let last = path["steps"].as_array().and_then(|steps| steps.last()).expect("a step");
        assert_eq!(last["operationId"], "project.create", "{path}");
        let cycles = hub.get("/api/graph/cycles").await.ok();
        let together = cycles["cycles"].as_array().expect("cycles").iter().any(|set| {
            let has = |id: &str| set["operations"].as_array().expect("ids").iter().any(|held| held == id);
            has("project.get") && has("project.archive")
        });
        assert!(together, "{cycles}");
        hub.get("/api/graph/successors?from=no.such").await.problem(404, "OPERATION_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn the_graph_shows_only_what_may_be_called() {
    each_hub(async |hub| {
        let reader = hub.key(&["project:read"]).await;
        let takes = hub.get_as(&reader, "/api/graph/operations?type=Project&limit=200").await.ok();
        assert!(ids(&takes).contains(&"project.get") && !ids(&takes).contains(&"project.create"), "{takes}");
        hub.get_as(&reader, "/api/graph/successors?from=project.create")
            .await
            .problem(404, "OPERATION_NOT_FOUND");
        let path = hub.get_as(&reader, "/api/graph/path?from=url&to=project.get").await.ok();
        assert_eq!(path["found"], false, "{path}");
        let first = hub.get("/api/graph/operations?limit=1").await.ok();
        let cursor = first["nextCursor"].as_str().expect("more");
        let second = hub.get(&format!("/api/graph/operations?limit=1&cursor={cursor}")).await.ok();
        assert!(ids(&first) < ids(&second));
    })
    .await;
}

fn twice(name: &str) -> Value {
    json!({
        "name": name,
        "definition": {
            "input": {
                "type": "object",
                "required": ["names"],
                "properties": { "names": { "type": "array", "items": { "type": "string" } } },
            },
            "steps": [
                { "id": "show", "call": "project.list", "after": ["make"] },
                {
                    "id": "make", "call": "project.create",
                    "forEach": { "$from": "input", "pointer": "/names" },
                    "input": { "name": { "$from": "item" }, "repository": "https://git.example/x" },
                },
                {
                    "id": "never", "call": "project.get", "when": { "$from": "input", "pointer": "/more" },
                    "input": { "projectId": { "$from": "steps.make", "pointer": "/0/id" } },
                },
            ],
            "output": { "made": { "$from": "steps.make" }, "shown": { "$from": "steps.show", "pointer": "/items" } },
        },
    })
}

#[tokio::test]
async fn a_template_is_stored_run_and_deleted() {
    each_hub(async |hub| {
        let created = hub.post("/api/templates", twice("twice")).await.ok();
        assert_eq!(created["definition"]["steps"][1]["id"], "make");
        hub.post("/api/templates", twice("twice")).await.problem(409, "TEMPLATE_EXISTS");
        assert_eq!(hub.get("/api/templates/twice").await.ok(), created);
        assert_eq!(created["source"], "stored");
        assert_eq!(hub.get("/api/templates").await.ok()["items"][1]["name"], "twice");
        let run = |input: Value| {
            let request = hub.request(Method::POST, "/api/templates/twice/run");
            Answer::of(request.header("idempotency-key", "once").json(&json!({ "input": input })))
        };
        let ran = run(json!({ "names": ["a", "b"] })).await.ok();
        assert_eq!(ran["skipped"], json!(["never"]));
        assert_eq!(ran["output"]["made"][1]["name"], "b");
        assert_eq!(ran["output"]["shown"].as_array().map(Vec::len), Some(2));
        // The same intention again: the projects that there are, not two more or a conflict.
        assert_eq!(run(json!({ "names": ["a", "b"] })).await.ok()["output"]["made"], ran["output"]["made"]);
        let taken = hub.post("/api/templates/twice/run", json!({ "input": { "names": ["a"] } })).await;
        let problem = taken.problem(409, "PROJECT_EXISTS");
        assert_eq!(problem["details"]["step"], "make", "{problem}");
        hub.post("/api/templates/twice/run", json!({ "input": {} })).await.problem(422, "VALIDATION_ERROR");
        Answer::of(hub.request(Method::DELETE, "/api/templates/twice")).await.ok();
        hub.get("/api/templates/twice").await.problem(404, "TEMPLATE_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn declared_templates_are_there_run_and_stay() {
    each_hub(async |hub| {
        let mut own = twice("my-own");
        own["shared"] = true.into();
        hub.post("/api/templates", own).await.ok();
        // Among the stored ones, by name.
        let (mut names, mut path) = (Vec::new(), "/api/templates?limit=1".to_owned());
        loop {
            let page = hub.get(&path).await.ok();
            names.extend(page["items"].as_array().expect("items").iter().map(|item| item["name"].clone()));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("/api/templates?limit=1&cursor={cursor}");
        }
        assert_eq!(json!(names), json!(["hub-overview", "my-own", "web-answer"]));
        let shown = hub.get("/api/templates/hub-overview").await.ok();
        assert_eq!((&shown["source"], shown.get("createdAt")), (&json!("declared"), None));
        let ran = hub.post("/api/templates/hub-overview/run", json!({})).await.ok();
        assert_eq!(ran["output"]["nodes"].as_array().map(Vec::len), Some(1), "{ran}");
        let taken = json!({ "name": "hub-overview", "definition": shown["definition"] });
        hub.post("/api/templates", taken).await.problem(409, "TEMPLATE_EXISTS");
        let delete = hub.request(Method::DELETE, "/api/templates/hub-overview");
        Answer::of(delete).await.problem(409, "TEMPLATE_DECLARED");
        // One that somebody stored before the hub had the name is that key's alone, for administrators too.
        let owner = hub.post("/api/keys", json!({ "name": "k", "scopes": ["template:read", "template:write"] })).await.ok();
        let id = owner["key"]["id"].as_str().expect("an id");
        let definition = json!({ "input": {}, "steps": [{ "id": "mine", "call": "hub.info", "input": {} }], "output": null });
        let insert = format!(
            "INSERT INTO templates (name, owner, shared, description, definition, created_at) \
             VALUES ('hub-overview', '{id}', true, '', '{definition}', 1)"
        );
        hub.backend.execute(&insert).await;
        assert_eq!(hub.get("/api/templates/hub-overview").await.ok(), shown);
        let delete = hub.request(Method::DELETE, "/api/templates/hub-overview");
        Answer::of(delete).await.problem(409, "TEMPLATE_DECLARED");
        let sources = |page: Value| page["items"].as_array().expect("items").iter().map(|item| item["source"].clone()).collect::<Vec<_>>();
        assert_eq!(sources(hub.get("/api/templates").await.ok()), ["declared", "stored", "declared"]);
        let token = owner["token"].as_str().expect("a token");
        assert_eq!(hub.get_as(token, "/api/templates/hub-overview").await.ok()["source"], "stored");
        assert_eq!(sources(hub.get_as(token, "/api/templates").await.ok()), ["stored", "stored", "declared"]);
        let delete = hub.request_as(token, Method::DELETE, "/api/templates/hub-overview");
        Answer::of(delete).await.ok();
        assert_eq!(hub.get_as(token, "/api/templates/hub-overview").await.ok(), shown);
        // Run with the caller's rights.
        let key = hub.key(&["template:run"]).await;
        let refused = hub.post_as(&key, "/api/templates/hub-overview/run", json!({})).await;
        assert_eq!(refused.problem(403, "ACCESS_DENIED")["details"]["step"], "nodes");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_template_is_refused_with_pointers() {
    each_hub(async |hub| {
        let steps = json!([
            { "id": "a", "call": "project.get", "input": { "projectId": { "$from": "steps.b", "pointer": "/items" } } },
            { "id": "b", "call": "project.list" },
            { "id": "c", "call": "no.such", "input": { "x": { "$from": "steps.z" } } },
            { "id": "d", "call": "project.get" },
            { "id": "e", "call": "project.list", "input": { "nmae": "x" }, "after": ["b"] },
            { "id": "f", "call": "event.watch" },
            { "id": "g", "call": "project.get", "input": { "projectId": { "$from": "steps.b", "pointer": "/items/0/ids" } } },
        ]);
        let wrong = json!({ "name": "wrong", "definition": { "steps": steps } });
        let problem = hub.post("/api/templates", wrong).await.problem(422, "VALIDATION_ERROR");
        let faults = problem["details"]["faults"].as_array().expect("faults").clone();
        let pointers: Vec<_> = faults.iter().filter_map(|fault| fault["pointer"].as_str()).collect();
        for pointer in ["/0/input/projectId", "/2/input/x", "/2/call", "/3/input/projectId", "/4/input/nmae", "/5/call", "/6/input/projectId"] {
            let pointer = format!("/definition/steps{pointer}");
            assert!(pointers.contains(&&*pointer), "{pointer} is not among {pointers:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn who_may_not_make_every_call_makes_none() {
    each_hub(async |hub| {
        let mut shared = twice("shared");
        shared["shared"] = true.into();
        hub.post("/api/templates", shared).await.ok();
        hub.post("/api/templates", twice("own")).await.ok();
        let reader = hub.key(&["template:read", "template:run", "template:write", "project:read"]).await;
        let input = json!({ "input": { "names": ["a"] } });
        let refused = hub.post_as(&reader, "/api/templates/shared/run", input.clone()).await;
        let refused = refused.problem(403, "ACCESS_DENIED");
        assert_eq!(refused["details"]["step"], "make", "{refused}");
        assert_eq!(hub.get("/api/projects").await.ok()["items"], json!([]));
        hub.post_as(&reader, "/api/templates/own/run", input).await.problem(404, "TEMPLATE_NOT_FOUND");
        let delete = hub.request_as(&reader, Method::DELETE, "/api/templates/shared");
        Answer::of(delete).await.problem(403, "ACCESS_DENIED");
    })
    .await;
}
