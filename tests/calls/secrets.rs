//! No secret is recorded: the records are searched for secrets that were planted.

use serde_json::json;

use super::recorded;
use crate::support::{
    hub::{ADMIN, each_hub},
    wire::{Wire, asking},
};

/// Stands in every planted secret.
const SEED: &str = "seededsecretseededsecret";

#[tokio::test]
async fn no_secret_is_recorded() {
    each_hub(async |hub| {
        let spec = json!({
            "namespace": "work", "name": "login", "version": "1.0.0", "type": "mutation", "description": "d",
            "inputSchema": { "type": "object", "properties": {
                "pin": { "type": "string", "x-secret": true }, "user": { "type": "string" } } },
            "outputSchema": { "type": "object", "properties": { "ticket": { "type": "string", "writeOnly": true } } },
            "accessControl": { "requiredScopes": [] },
        });
        let mut spoke = Wire::spoke(hub, ADMIN, "a", &[spec]).await;
        let input = json!({ "user": "somebody", "pin": SEED, "password": SEED, "note": ADMIN, "deep": [{ "api_key": SEED }] });
        let call = asking(hub, "a.work.login", &input);
        let asked = spoke.expect("call.requested").await;
        assert_eq!(asked["input"], input, "the spoke gets all");
        spoke.respond(&asked["requestId"], json!({ "ticket": SEED, "user": "somebody" })).await;
        assert_eq!(call.await.expect("answered").ok()["data"]["ticket"], SEED);
        let id = recorded(hub, "a.work.login", 1).await[0]["requestId"].as_str().expect("id").to_owned();
        let shown = hub.get(&format!("/api/calls/{id}")).await.ok();
        assert_eq!((&shown["input"]["state"], &shown["output"]["state"]), (&json!("cut"), &json!("cut")), "{shown}");
        assert_eq!(shown["input"]["value"]["user"], "somebody");
        assert_eq!(shown["output"]["value"]["user"], "somebody");
        // The hub's own operations, with secrets in the right places and in wrong ones.
        let provider = json!({ "name": "p", "kind": "openai", "baseUrl": "http://127.0.0.1:9/v1", "apiKey": SEED });
        hub.post("/api/llm/providers", provider).await;
        hub.post("/api/projects", json!({ "name": "n", "apikey": SEED })).await.problem(422, "VALIDATION_ERROR");
        hub.post("/api/mcp", json!({ "name": "m", "url": "http://127.0.0.1:9/", "bearer": SEED })).await;
        hub.key(&["project:read"]).await;
        assert!(hub.stop().await);
        let (_, secret) = ADMIN.rsplit_once('_').expect("a secret");
        let of = |column: &str| match hub.backend.name() {
            "SQLite" => format!("COALESCE(CAST({column} AS TEXT), '')"),
            _ => format!("COALESCE(encode({column}, 'escape'), '')"),
        };
        let bodies = format!("SELECT {} || {} AS text FROM call_bodies", of("input"), of("output"));
        let rows = "SELECT COALESCE(error, '') || operation || COALESCE(session, '') AS text FROM calls";
        let dump = hub.backend.texts(&bodies).await + &hub.backend.texts(rows).await;
        assert!(dump.contains("somebody"), "the records are searched as they are");
        for secret in [SEED, secret] {
            assert!(!dump.contains(secret), "{secret} is recorded");
        }
    })
    .await;
}
