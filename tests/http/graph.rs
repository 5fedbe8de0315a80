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
        assert_eq!(hub.get("/api/templates").await.ok()["items"][0]["name"], "twice");
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
async fn a_wrong_template_is_refused_with_pointers() {
    each_hub(async |hub| {
        let steps = json!([
            { "id": "a", "call": "project.get", "input": { "projectId": { "$from": "steps.b", "pointer": "/items" } } },
            { "id": "b", "call": "project.list" },
            { "id": "c", "call": "no.such", "input": { "x": { "$from": "steps.z" } } },
            { "id": "d", "call": "project.get" },
        ]);
        let wrong = json!({ "name": "wrong", "definition": { "steps": steps } });
        let problem = hub.post("/api/templates", wrong).await.problem(422, "VALIDATION_ERROR");
        let faults = problem["details"]["faults"].as_array().expect("faults").clone();
        let pointers: Vec<_> = faults.iter().filter_map(|fault| fault["pointer"].as_str()).collect();
        for pointer in ["/0/input/projectId", "/2/input/x", "/2/call", "/3/input/projectId"] {
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
