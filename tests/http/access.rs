//! Who may call what.

use reqwest::Method;
use serde_json::json;

use crate::support::hub::each_hub;

#[tokio::test]
async fn open_operations_need_no_key_and_refuse_a_bad_one() {
    each_hub(async |hub| {
        hub.anonymous(Method::GET, "/api/info").await.ok();
        hub.get_as("alk_unknownunknownunknown_00", "/api/info").await.problem(401, "ACCESS_DENIED");
        let unknown = format!("alk_unknownunknownunknown_{}", "0".repeat(64));
        let refused = hub.get_as(&unknown, "/api/info").await;
        refused.problem(401, "ACCESS_DENIED");
        assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"alkhub\"");
    })
    .await;
}

#[tokio::test]
async fn a_scope_opens_what_asks_for_it_and_nothing_else() {
    each_hub(async |hub| {
        let reader = hub.key(&["project:read"]).await;
        hub.get_as(&reader, "/api/projects").await.ok();
        let body = json!({ "name": "x", "repository": "https://git.example/x" });
        let refused = hub.post_as(&reader, "/api/projects", body).await.problem(403, "ACCESS_DENIED");
        assert_eq!(refused["details"]["requiredScopes"], json!(["project:write"]));
        assert_eq!(refused["details"]["operationId"], "project.create");
    })
    .await;
}

#[tokio::test]
async fn who_may_not_call_is_not_told_what_is_wrong_with_the_input() {
    each_hub(async |hub| {
        let other = hub.key(&["kit:use"]).await;
        hub.post_as(&other, "/api/projects", json!({ "bad": true })).await.problem(403, "ACCESS_DENIED");
    })
    .await;
}

#[tokio::test]
async fn operations_that_may_not_be_called_cannot_be_seen() {
    each_hub(async |hub| {
        let reader = hub.key(&["project:read"]).await;
        let listed = hub.get_as(&reader, "/api/operations?limit=200").await.ok();
        let ids: Vec<&str> = listed["items"]
            .as_array()
            .expect("items")
            .iter()
            .filter_map(|item| item["id"].as_str())
            .collect();
        assert!(ids.contains(&"project.list"), "{ids:?}");
        assert!(!ids.contains(&"project.create"), "{ids:?}");
        let found = hub.get_as(&reader, "/api/operations/search?query=create%20project").await.ok();
        assert!(
            found["operations"]
                .as_array()
                .expect("operations")
                .iter()
                .all(|item| item["id"] != "project.create"),
            "{found}"
        );
        hub.get_as(&reader, "/api/operations/project.create").await.problem(404, "OPERATION_NOT_FOUND");
        hub.get_as(&reader, "/api/operations/project.list").await.ok();
        let anonymous = hub.anonymous(Method::GET, "/api/operations?namespace=project").await.ok();
        assert_eq!(anonymous["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn nested_calls_have_the_callers_rights_and_no_more() {
    each_hub(async |hub| {
        let user = hub.key(&["kit:use"]).await;
        let nested = |id: &str| json!({ "operationId": id, "input": {} });
        hub.post_as(&user, "/api/kit/nest", nested("project.list")).await.problem(403, "ACCESS_DENIED");
        let answer = hub.post_as(&user, "/api/kit/nest", nested("kit.whoami")).await.ok();
        assert_eq!(answer["output"]["parentRequestId"], answer["requestId"]);
        assert_ne!(answer["output"]["requestId"], answer["requestId"]);
        assert_eq!(answer["output"]["identity"], user.split('_').nth(1).expect("an id"));
        assert_eq!(answer["output"]["transport"], "Nested");
    })
    .await;
}
