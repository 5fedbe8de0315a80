//! How calls find their way to spokes and back.

use serde_json::json;

use crate::support::{
    hub::{ADMIN, each_hub},
    wire::{Wire, operation},
};

#[tokio::test]
async fn an_operation_of_a_spoke_is_called_over_http_and_over_the_protocol() {
    each_hub(async |hub| {
        let mut spoke = Wire::spoke(hub, ADMIN, "dev", &[operation("disk", "read", "query")]).await;
        let listed = hub.get("/api/operations?namespace=disk").await.ok();
        assert_eq!(listed["items"][0]["id"], "dev.disk.read", "{listed}");
        assert_eq!(listed["items"][0]["spoke"], "dev");
        for id in ["dev.disk.read", "disk.read"] {
            let call = tokio::spawn({
                let request = hub
                    .request(reqwest::Method::POST, "/api/call")
                    .json(&json!({ "operationId": id, "input": { "path": "a" } }));
                async move { crate::support::hub::Answer::of(request).await }
            });
            let asked = spoke.expect("call.requested").await;
            assert_eq!(asked["operationId"], "disk.read");
            assert_eq!(asked["input"], json!({ "path": "a" }));
            assert_eq!(asked["identity"]["id"], "testadmintestadmin");
            spoke.respond(&asked["requestId"], json!({ "text": "hello" })).await;
            let answer = call.await.expect("answered").ok();
            assert_eq!(answer["data"], json!({ "text": "hello" }));
            assert_eq!(answer["meta"], json!({ "source": "local", "operationId": "x.y", "timestamp": 1 }));
        }
        let mut client = Wire::connect(hub).await;
        client.request("c1", "dev.disk.read", json!({})).await;
        let asked = spoke.expect("call.requested").await;
        spoke.respond(&asked["requestId"], json!(1)).await;
        let answer = client.expect("call.responded").await;
        assert_eq!(answer["requestId"], "c1");
        assert_eq!(answer["output"]["data"], 1);
    })
    .await;
}
