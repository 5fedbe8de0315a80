//! Plain calls are answered without a service of rmcp's; their answers are the same as those of rmcp.

use serde_json::{Value, json};

use super::client::{Client, NEWEST, OLDER};
use crate::support::hub::{Answer, TestHub, each_hub};

fn calls() -> Vec<(&'static str, Option<Value>)> {
    vec![
        ("search", Some(json!({ "query": "make a new project" }))),
        ("search", Some(json!({ "query": 7 }))),
        ("schema", Some(json!({ "operationIds": ["project.create", "no.such"] }))),
        ("call", Some(json!({ "operationId": "kit.echo", "input": { "text": "a", "times": 0 } }))),
        ("call", Some(json!({ "operationId": "no.such" }))),
        ("call", Some(json!({ "operationId": "kit.count", "input": { "to": 3 } }))),
        ("batch", Some(json!({ "calls": [] }))),
        ("kit_echo", Some(json!({ "text": "\u{1F980}", "times": 2 }))),
        ("kit_echo", Some(json!({ "text": 3 }))),
        ("kit_echo", None),
        ("no_such_tool", Some(json!({}))),
    ]
}

/// What does not differ between two calls: the id of a request does.
fn same(answer: &Answer) -> String {
    let id = answer.headers["x-request-id"].to_str().expect("text");
    let kind = answer.headers.get("content-type");
    format!("{} {kind:?} {}", answer.status, answer.body.replace(id, "ID"))
}

async fn both(hub: &TestHub, version: &'static str) {
    let client = Client::older(hub, version).await;
    for (tool, arguments) in calls() {
        for id in [json!(1), json!("one"), json!(-9)] {
            let mut params = json!({ "name": tool });
            if let Some(arguments) = &arguments {
                params["arguments"] = arguments.clone();
            }
            let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
            let plain = same(&client.send(&message).await);
            message["params"]["_meta"] = json!({});
            let by_rmcp = same(&client.send(&message).await);
            assert_eq!(plain, by_rmcp, "{version} {tool}");
        }
    }
}

#[tokio::test]
async fn plain_calls_are_answered_as_rmcp_answers() {
    each_hub(async |hub| {
        for version in OLDER {
            both(hub, version).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_rmcp_refuses_is_refused() {
    each_hub(async |hub| {
        let client = Client::older(hub, OLDER[2]).await;
        let call = json!({ "name": "kit_echo", "arguments": { "text": "a", "times": 1 } });
        for (part, value) in [("id", json!(1.5)), ("id", json!([1])), ("jsonrpc", json!("1.0"))] {
            let mut message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call });
            message[part] = value;
            let answer = client.send(&message).await;
            assert!(answer.status.as_u16() >= 400, "{part}: {answer:?}");
        }
        let unknown = Client { version: "2024-01-01", ..Client::older(hub, OLDER[2]).await };
        let answer = unknown.send(&unknown.calling("kit_echo", &json!({ "text": "a", "times": 1 }))).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let newest = Client::new(hub);
        assert_eq!(newest.version, NEWEST);
        let answer = newest.call("kit_echo", json!({ "text": "a", "times": 1 })).await;
        assert_eq!(answer["resultType"], "complete", "the newest revision goes by rmcp: {answer}");
    })
    .await;
}
