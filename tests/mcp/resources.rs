//! Resources: documents of operations, and files of spokes.

use serde_json::{Value, json};

use super::client::{Client, OLDER};
use crate::support::{
    hub::{ADMIN, each_hub},
    wire::{Wire, operation},
};

#[tokio::test]
async fn operations_are_documents() {
    each_hub(async |hub| {
        for client in [Client::new(hub), Client::older(hub, OLDER[0]).await] {
            let read =
                client.ask("resources/read", json!({ "uri": "alkhub://operations/project.create" })).await;
            let contents = &read["contents"][0];
            assert_eq!(contents["mimeType"], "application/json");
            let spec: Value = serde_json::from_str(contents["text"].as_str().expect("a text")).expect("JSON");
            assert_eq!(spec["id"], "project.create");
            let templates = client.ask("resources/templates/list", json!({})).await;
            let templates = templates["resourceTemplates"].as_array().expect("templates");
            // There is no spoke, and so no file.
            assert_eq!(templates.len(), 1);
            assert_eq!(templates[0]["uriTemplate"], "alkhub://operations/{operationId}");
            for uri in [
                "alkhub://operations/no.such",
                "alkhub://nothing",
                "file:///etc/passwd",
                "alkhub://spokes/dev/files/x",
                "alkhub://operations/%ff",
            ] {
                let answer =
                    client.send(&client.message("resources/read", json!({ "uri": uri }))).await.json();
                assert!(answer["error"]["code"].is_i64(), "{uri}: {answer}");
                assert_eq!(answer["error"]["data"]["uri"], uri);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn files_of_spokes_are_read_through_their_operation() {
    each_hub(async |hub| {
        let mut read = operation("fs", "read", "query");
        read["accessControl"] = json!({ "requiredScopes": ["fs:read"] });
        let mut spoke = Wire::spoke(hub, ADMIN, "dev", &[read]).await;
        let client = Client::as_key(hub, &hub.key(&["fs:read"]).await);
        let templates = client.ask("resources/templates/list", json!({})).await;
        assert_eq!(templates["resourceTemplates"][1]["uriTemplate"], "alkhub://spokes/{spokeId}/files/{+path}");
        let uri = "alkhub://spokes/dev/files/src/a%20b.rs";
        let (read, ()) = tokio::join!(client.ask("resources/read", json!({ "uri": uri })), async {
            let request = spoke.expect("call.requested").await;
            assert_eq!(request["input"]["path"], "src/a b.rs");
            let file = json!({ "path": "src/a b.rs", "encoding": "utf8", "content": "fn main() {}", "size": 12, "sha256": "x" });
            spoke.respond(&request["requestId"], file).await;
        });
        assert_eq!(read["contents"][0], json!({ "uri": uri, "mimeType": "text/plain", "text": "fn main() {}" }));
        // One that is too large.
        let message = client.message("resources/read", json!({ "uri": uri }));
        let (answer, ()) = tokio::join!(client.send(&message), async {
            let request = spoke.expect("call.requested").await;
            let file = json!({ "path": "x", "encoding": "utf8", "content": "part", "size": 3_000_000, "sha256": "x", "nextOffset": 4 });
            spoke.respond(&request["requestId"], file).await;
        });
        assert_eq!(answer.json()["error"]["data"]["code"], "PAYLOAD_TOO_LARGE");
        let may_not = Client::as_key(hub, &hub.key(&["kit:use"]).await);
        let templates = may_not.ask("resources/templates/list", json!({})).await;
        assert_eq!(templates["resourceTemplates"].as_array().map(Vec::len), Some(1));
        let answer = may_not.send(&may_not.message("resources/read", json!({ "uri": uri }))).await.json();
        assert_eq!(answer["error"]["data"]["code"], "OPERATION_NOT_FOUND");
    })
    .await;
}
