//! Who may not call an operation cannot find it: over all operations, by every tool and by resources.

use std::collections::BTreeSet;

use alkhub_core::{AccessControl, Descriptor, Identity, McpMode};
use serde_json::{Value, json};

use super::client::Client;
use crate::support::{
    hub::{ADMIN, TestHub, each_hub},
    wire::{Wire, operation},
};

fn all() -> Vec<&'static Descriptor> {
    [alkhub_api::OPERATIONS, alkhub_testkit::api::OPERATIONS].concat()
}

/// An operation that a spoke offers to holders of a scope alone.
fn guarded() -> Value {
    let mut guarded = operation("vault", "open", "mutation");
    guarded["accessControl"] = json!({ "requiredScopes": ["vault:open"] });
    guarded["mcp"] = "tool".into();
    guarded["title"] = "Open the vault".into();
    guarded
}

/// Every resource, page after page.
async fn resources(client: &Client) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut page = json!({});
    loop {
        let listed = client.ask("resources/list", page).await;
        let names = listed["resources"].as_array().expect("resources").iter().map(|one| one["name"].as_str());
        found.extend(names.map(|name| name.expect("a name").to_owned()));
        match listed["nextCursor"].as_str() {
            Some(cursor) => page = json!({ "cursor": cursor }),
            None => return found,
        }
    }
}

async fn cannot_find(client: &Client, id: &str, title: &str) {
    let found = client
        .output("search", json!({ "query": format!("{id} {title}"), "limit": 100, "maxTokens": 20_000 }))
        .await;
    let ids = found["operations"].as_array().expect("operations").iter();
    assert!(ids.clone().all(|one| one["id"] != id), "search finds {id}");
    let schema = client.call("schema", json!({ "operationIds": [id] })).await;
    assert_eq!(schema["structuredContent"]["operations"], json!([]), "schema shows {id}");
    let unknown = client.call("schema", json!({ "operationIds": ["no.such"] })).await;
    // A neighbour that the caller may call is suggested for the one as for the other, and it is not the hidden one.
    let told = |schema: &Value| {
        let told = schema["structuredContent"]["unknown"][0].as_object().expect("what is unknown");
        assert_ne!(told.get("suggestion"), Some(&json!(id)));
        told.keys().filter(|key| *key != "suggestion").cloned().collect::<Vec<_>>()
    };
    assert_eq!(told(&schema), told(&unknown));
    assert_eq!(
        client.problem("call", json!({ "operationId": id })).await["code"],
        "OPERATION_NOT_FOUND",
        "call of {id}"
    );
    let batch = client.output("batch", json!({ "calls": [{ "operationId": id }] })).await;
    assert_eq!(batch["results"][0]["error"]["code"], "OPERATION_NOT_FOUND", "batch with {id}");
    let uri = format!("alkhub://operations/{id}");
    let read = client.send(&client.message("resources/read", json!({ "uri": uri }))).await.json();
    assert!(read["error"].is_object(), "{read}");
    let own = client.send(&client.calling(&id.replace('.', "_"), &json!({}))).await.json();
    assert_eq!(own["error"]["code"], -32602, "tool of {id}");
}

async fn check(hub: &TestHub, key: &str, scopes: &[&str]) -> usize {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let identity = Identity { scopes, ..Identity::default() };
    let may = |operation: &Descriptor| AccessControl::from(&operation.access).allows(Some(&identity));
    let client = Client::as_key(hub, key);
    let (tools, resources) = (client.tools().await, resources(&client).await);
    let mut hidden = 0;
    for operation in all() {
        let name = alkhub::transport::mcp::tool_name(operation.id);
        let visible = may(operation) && operation.mcp != McpMode::Hidden;
        assert_eq!(resources.contains(operation.id), visible, "{} as a resource", operation.id);
        assert_eq!(
            tools.contains(&name),
            visible && operation.mcp == McpMode::Tool,
            "{} as a tool",
            operation.id
        );
        if visible {
            let found = client.output("schema", json!({ "operationIds": [operation.id] })).await;
            assert_eq!(found["operations"][0]["id"], operation.id);
        } else {
            cannot_find(&client, operation.id, operation.title).await;
            hidden += 1;
        }
    }
    hidden
}

#[tokio::test]
async fn every_operation_is_found_by_those_who_may_call_it_and_by_no_others() {
    each_hub(async |hub| {
        let scopeless = hub.key(&["nothing:at-all"]).await;
        assert!(check(hub, &scopeless, &["nothing:at-all"]).await >= 20);
        // What is hidden from MCP is so for administrators too.
        assert!(check(hub, ADMIN, &["admin"]).await >= 5);
        let reader = hub.key(&["project:read"]).await;
        check(hub, &reader, &["project:read"]).await;
    })
    .await;
}

#[tokio::test]
async fn operations_of_spokes_are_found_by_those_who_may_call_them() {
    each_hub(async |hub| {
        let _spoke = Wire::spoke(hub, ADMIN, "dev", &[guarded()]).await;
        let may = Client::as_key(hub, &hub.key(&["vault:open"]).await);
        let found = may.output("search", json!({ "query": "open the vault" })).await;
        assert_eq!(found["operations"][0]["id"], "dev.vault.open");
        assert!(may.tools().await.contains(&"dev_vault_open".to_owned()));
        let may_not = Client::as_key(hub, &hub.key(&["kit:use"]).await);
        for id in ["dev.vault.open", "vault.open"] {
            cannot_find(&may_not, id, "Open the vault").await;
        }
        assert!(!may_not.tools().await.contains(&"dev_vault_open".to_owned()));
    })
    .await;
}
