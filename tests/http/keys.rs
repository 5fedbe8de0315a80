//! Keys, what they may grant, and who did what to them.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    hub::{Answer, TestHub, each_hub},
    until,
};

fn id_of(token: &str) -> &str {
    token.split('_').nth(1).expect("an id")
}

async fn delete(hub: &TestHub, key: &str, id: &str) -> Answer {
    Answer::of(hub.request_as(key, Method::DELETE, &format!("/api/keys/{id}"))).await
}

#[tokio::test]
async fn the_life_of_a_key() {
    each_hub(async |hub| {
        let issued = hub
            .post("/api/keys", json!({ "name": "reader", "scopes": ["project:read"], "resources": { "project:1": ["read"] } }))
            .await
            .ok();
        let token = issued["token"].as_str().expect("a token");
        let path = format!("/api/keys/{}", id_of(token));
        let shown = hub.get(&path).await;
        assert!(!shown.body.contains(token.rsplit('_').next().expect("a secret")));
        let shown = shown.ok();
        assert_eq!(shown["status"], "active");
        assert_eq!(shown["createdBy"], "testadmintestadmin");
        assert_eq!(shown["resources"], json!({ "project:1": ["read"] }));
        hub.get_as(token, "/api/projects").await.ok();

        let rotated = hub.post(&format!("{path}/rotate"), json!({})).await.ok();
        let newer = rotated["token"].as_str().expect("a token");
        assert_eq!(id_of(newer), id_of(token));
        hub.get_as(token, "/api/projects").await.problem(401, "ACCESS_DENIED");
        hub.get_as(newer, "/api/projects").await.ok();

        assert_eq!(delete(hub, crate::support::hub::ADMIN, id_of(token)).await.ok()["status"], "revoked");
        hub.get_as(newer, "/api/projects").await.problem(401, "ACCESS_DENIED");
        assert_eq!(delete(hub, crate::support::hub::ADMIN, id_of(token)).await.ok()["status"], "revoked");
        hub.post(&format!("{path}/rotate"), json!({})).await.problem(409, "KEY_REVOKED");
        hub.get("/api/keys/none").await.problem(404, "KEY_NOT_FOUND");

        let listed = hub.get("/api/keys?status=revoked").await.ok();
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
        let audit = hub.get(&format!("/api/audit?target={}", id_of(token))).await.ok();
        let actions: Vec<&str> =
            audit["items"].as_array().expect("items").iter().filter_map(|item| item["action"].as_str()).collect();
        assert_eq!(actions, ["key.revoke", "key.rotate", "key.create"]);
        assert_eq!(audit["items"][0]["actor"], "testadmintestadmin");
        assert!(!audit.to_string().contains(newer.rsplit('_').next().expect("a secret")));
    })
    .await;
}

#[tokio::test]
async fn nobody_grants_more_than_it_has() {
    each_hub(async |hub| {
        let manager = hub.key(&["key:write", "key:read", "project:read"]).await;
        let make = |scopes: Value| json!({ "name": "x", "scopes": scopes });
        hub.post_as(&manager, "/api/keys", make(json!(["project:read"]))).await.ok();
        let refused =
            hub.post_as(&manager, "/api/keys", make(json!(["project:write", "project:read"]))).await;
        assert_eq!(refused.problem(403, "GRANT_EXCEEDED")["details"]["scopes"], json!(["project:write"]));
        hub.post_as(&manager, "/api/keys", make(json!(["admin"]))).await.problem(403, "GRANT_EXCEEDED");
        let resources = json!({ "name": "x", "resources": { "project:1": ["read"] } });
        hub.post_as(&manager, "/api/keys", resources).await.problem(403, "GRANT_EXCEEDED");
        // Nor takes over or ends a key that has more.
        let stronger = hub.key(&["project:write"]).await;
        let rotate = format!("/api/keys/{}/rotate", id_of(&stronger));
        hub.post_as(&manager, &rotate, json!({})).await.problem(403, "GRANT_EXCEEDED");
        delete(hub, &manager, id_of(&stronger)).await.problem(403, "GRANT_EXCEEDED");
        delete(hub, &manager, "testadmintestadmin").await.problem(403, "GRANT_EXCEEDED");
    })
    .await;
}

#[tokio::test]
async fn the_last_admin_key_stays() {
    each_hub(async |hub| {
        delete(hub, crate::support::hub::ADMIN, "testadmintestadmin").await.problem(409, "LAST_ADMIN_KEY");
        let second = hub.key(&["admin"]).await;
        delete(hub, &second, "testadmintestadmin").await.ok();
        hub.get("/api/keys").await.problem(401, "ACCESS_DENIED");
        delete(hub, &second, id_of(&second)).await.problem(409, "LAST_ADMIN_KEY");
    })
    .await;
}

#[tokio::test]
async fn keys_expire() {
    each_hub(async |hub| {
        let past = json!({ "name": "x", "expiresAt": "2020-01-01T00:00:00Z" });
        let answer = hub.post("/api/keys", past).await;
        assert_eq!(answer.faults(), ["/expiresAt"]);
        let soon = alkhub::storage::time::rfc3339(alkhub::storage::time::now_ms() + 700);
        let issued = hub
            .post("/api/keys", json!({ "name": "brief", "scopes": ["project:read"], "expiresAt": soon }))
            .await
            .ok();
        let token = issued["token"].as_str().expect("a token");
        until("the key is refused", Duration::from_secs(10), async || {
            hub.get_as(token, "/api/projects").await.status == 401
        })
        .await;
        let listed = hub.get("/api/keys?status=expired").await.ok();
        assert_eq!(listed["items"][0]["name"], "brief");
    })
    .await;
}

#[tokio::test]
async fn another_process_hears_of_a_revocation() {
    each_hub(async |hub| {
        let second = TestHub::start(Arc::clone(&hub.backend), |_| {}).await;
        let token = hub.key(&["project:read"]).await;
        until("the second hub knows the key", Duration::from_secs(10), async || {
            second.get_as(&token, "/api/projects").await.status == 200
        })
        .await;
        delete(hub, crate::support::hub::ADMIN, id_of(&token)).await.ok();
        let waited = until("the second hub refuses the key", Duration::from_secs(10), async || {
            second.get_as(&token, "/api/projects").await.status == 401
        })
        .await;
        println!("revoked in the second hub after {waited:?}");
    })
    .await;
}
