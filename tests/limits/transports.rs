//! Idempotency keys in the gateway and over the call protocol.

use serde_json::{Value, json};

use super::once::{is_replayed, post};
use crate::support::{hub::each_hub, wire::Wire};

fn call(input: &Value) -> Value {
    json!({ "operationId": "kit.spend", "input": input })
}

#[tokio::test]
async fn the_gateway_hands_the_key_to_the_operation() {
    each_hub(async |hub| {
        let first = post(hub, "/api/call", "k", &call(&json!({}))).await;
        assert!(!is_replayed(&first));
        let again = post(hub, "/api/call", "k", &call(&json!({}))).await;
        assert!(is_replayed(&again));
        assert_eq!(first.ok()["data"], again.ok()["data"]);
        assert_eq!(
            (&first.ok()["meta"]["replayed"], &again.ok()["meta"]["replayed"]),
            (&Value::Null, &json!(true))
        );
        // The key is that of the operation, by whichever way it is called.
        let route = post(hub, "/api/kit/spend", "k", &json!({})).await;
        assert_eq!(route.ok(), first.ok()["data"]);
        post(hub, "/api/call", "k", &call(&json!({ "note": 1 })))
            .await
            .problem(422, "IDEMPOTENCY_KEY_REUSED");
        // An operation that honours none is called again.
        let echo = json!({ "operationId": "kit.echo", "input": { "text": "a" } });
        assert!(!is_replayed(&post(hub, "/api/call", "k", &echo).await));
    })
    .await;
}

#[tokio::test]
async fn each_call_of_a_batch_has_its_own_key() {
    each_hub(async |hub| {
        let with = |key: &str, input: Value| {
            json!({ "operationId": "kit.spend", "input": input, "idempotencyKey": key })
        };
        let calls = [with("a", json!({})), with("a", json!({})), with("b", json!({})), with("a", json!({ "note": 1 }))];
        let answer = hub.post("/api/batch", json!({ "calls": calls[..3] })).await.ok();
        let effect = |number: usize| answer["results"][number]["output"]["data"]["effect"].clone();
        assert!(effect(0).is_string(), "{answer}");
        assert_eq!(effect(0), effect(1));
        assert_ne!(effect(0), effect(2));
        let replayed = |number: usize| answer["results"][number]["replayed"] == true;
        assert!(replayed(0) != replayed(1) && !replayed(2), "{answer}");
        let shown = |number: usize| answer["results"][number]["output"]["meta"]["replayed"] == true;
        assert_eq!((shown(0), shown(1)), (replayed(0), replayed(1)));
        // Also a declared error is the answer to an earlier call.
        let refused = [with("e", json!({ "how": "declared" }))];
        for repetition in [Value::Null, json!(true)] {
            let answer = hub.post("/api/batch", json!({ "calls": refused })).await.ok();
            assert_eq!(answer["results"][0]["error"]["code"], "KIT_REFUSED");
            assert_eq!(answer["results"][0]["replayed"], repetition, "{answer}");
        }
        let answer = hub.post("/api/batch", json!({ "calls": calls[3..] })).await.ok();
        assert_eq!(answer["results"][0]["error"]["code"], "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(hub.get("/api/kit/live").await.ok()["spent"], 3);
    })
    .await;
}

#[tokio::test]
async fn the_call_protocol_has_it_in_the_metadata() {
    each_hub(async |hub| {
        let mut wire = Wire::connect(hub).await;
        let mut ask = async |operation: &str, key: Value, input: Value| {
            let payload = json!({ "requestId": "r", "operationId": operation, "input": input,
                "metadata": { "idempotencyKey": key } });
            wire.send("call.requested", payload).await;
            wire.next().await["payload"].clone()
        };
        let first = ask("kit.spend", json!("k"), json!({})).await;
        let again = ask("kit.spend", json!("k"), json!({})).await;
        assert!(first["output"]["data"]["effect"].is_string(), "{first}");
        assert_eq!(first["output"]["data"], again["output"]["data"]);
        assert!(first["output"]["meta"]["replayed"].is_null(), "{first}");
        assert_eq!(again["output"]["meta"]["replayed"], true, "{again}");
        let through = ask("hub.call", json!("k"), call(&json!({}))).await;
        assert_eq!(through["output"]["data"], first["output"]["data"], "{through}");
        assert_eq!(through["output"]["meta"]["replayed"], true, "{through}");
        let other = ask("kit.spend", json!("k"), json!({ "note": 1 })).await;
        assert_eq!(other["code"], "IDEMPOTENCY_KEY_REUSED");
        for wrong in [json!(""), json!("a b"), json!(7)] {
            assert_eq!(ask("kit.spend", wrong, json!({})).await["code"], "BAD_REQUEST");
        }
        assert_ne!(ask("kit.spend", Value::Null, json!({})).await["output"]["data"], first["output"]["data"]);
    })
    .await;
}

#[tokio::test]
async fn a_spoke_is_told_the_key() {
    each_hub(async |hub| {
        let operation = json!({
            "namespace": "till", "name": "pay", "version": "1.0.0", "type": "mutation", "description": "Pays.",
            "inputSchema": { "type": "object" }, "outputSchema": { "type": "object" }, "accessControl": {},
        });
        let mut spoke = Wire::spoke(hub, crate::support::hub::ADMIN, "shop", &[operation]).await;
        let body = json!({ "operationId": "shop.till.pay" });
        let calling = post(hub, "/api/call", "k", &body);
        let serving = async {
            let asked = spoke.next().await["payload"].clone();
            spoke.respond(&asked["requestId"], json!({})).await;
            asked
        };
        let (answer, asked) = tokio::join!(calling, serving);
        answer.ok();
        assert_eq!(asked["metadata"]["idempotencyKey"], "k", "{asked}");
    })
    .await;
}
