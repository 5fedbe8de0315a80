//! Every revision of the protocol that is spoken.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, NEWEST, OLDER, messages, refused};
use crate::support::hub::{Answer, each_hub};

const FOUR: [&str; 4] = ["search", "schema", "call", "batch"];

async fn speaks(client: &Client) {
    let listed = client.ask("tools/list", json!({})).await;
    let tools = listed["tools"].as_array().expect("tools");
    assert_eq!(
        tools[..4].iter().map(|tool| tool["name"].as_str().expect("a name")).collect::<Vec<_>>(),
        FOUR
    );
    let answered =
        client.output("call", json!({ "operationId": "kit.echo", "input": { "text": "hi" } })).await;
    assert_eq!(answered, json!({ "text": "hi" }));
    let answered = client.output("kit_echo", json!({ "text": "own" })).await;
    assert_eq!(answered, json!({ "text": "own" }));
    assert_eq!(client.ask("prompts/list", json!({})).await["prompts"], json!([]));
    let listed = client.ask("resources/list", json!({})).await;
    assert!(!listed["resources"].as_array().expect("resources").is_empty());
}

#[tokio::test]
async fn older_revisions_begin_with_initialize_and_have_sessions() {
    each_hub(async |hub| {
        for version in OLDER {
            let client = Client::older(hub, version).await;
            speaks(&client).await;
            client.ask("ping", json!({})).await;
            let listed = client.ask("tools/list", json!({})).await;
            assert!(listed.get("ttlMs").is_none() && listed.get("resultType").is_none(), "{listed}");
            // A session is of use with its key alone.
            let other = Client { key: hub.key(&["kit:use"]).await, ..Client::older(hub, version).await };
            refused(&other.send(&other.message("ping", json!({}))).await, 404, "NOT_FOUND");
            let made_up = Client { session: Some("A".repeat(43)), ..Client::new(hub) };
            let made_up = Client { version, ..made_up };
            refused(&made_up.send(&made_up.message("ping", json!({}))).await, 404, "NOT_FOUND");
            assert_eq!(Answer::of(client.request(Method::DELETE, None)).await.status, 204);
        }
    })
    .await;
}

#[tokio::test]
async fn the_newest_says_all_with_each_request() {
    each_hub(async |hub| {
        let client = Client::new(hub);
        let found = client.ask("server/discover", json!({})).await;
        assert_eq!(found["supportedVersions"], json!(["2025-03-26", "2025-06-18", "2025-11-25", NEWEST]));
        assert_eq!(found["capabilities"]["tools"]["listChanged"], true);
        speaks(&client).await;
        let listed = client.send(&client.message("tools/list", json!({}))).await;
        assert!(!listed.headers.contains_key("mcp-session-id"));
        let listed = listed.ok()["result"].clone();
        assert_eq!(listed["cacheScope"], "private");
        assert_eq!(listed["resultType"], "complete");
        for method in [Method::GET, Method::DELETE] {
            let refused = Answer::of(client.request(method, None)).await;
            refused.problem(405, "METHOD_NOT_ALLOWED");
            assert_eq!(refused.headers["allow"], "POST");
        }
        // The headers must say what the body says.
        let message = client.calling("kit_echo", &json!({ "text": "hi" }));
        let lying = client.request(Method::POST, Some(&message)).header("mcp-name", "other");
        let lying = Answer::of(lying).await;
        assert_eq!(
            (lying.status.as_u16(), lying.json()["error"]["code"].clone()),
            (400, json!(-32020)),
            "{lying:?}"
        );
        let unknown = client.send(&client.message("no/such", json!({}))).await;
        assert_eq!((unknown.status.as_u16(), unknown.json()["error"]["code"].clone()), (404, json!(-32601)));
    })
    .await;
}

#[tokio::test]
async fn what_is_asked_for_is_negotiated() {
    each_hub(async |hub| {
        let client = Client { version: "2025-11-25", ..Client::new(hub) };
        // The newest has no `initialize`; whoever asks for it in this way gets the newest that has.
        for (asked, given) in
            [(NEWEST, "2025-11-25"), ("2024-11-05", "2025-11-25"), ("1999-01-01", "2025-11-25")]
        {
            let answer = client.send(&client.initialize(asked)).await.ok();
            assert_eq!(answer["result"]["protocolVersion"], given, "{answer}");
            assert_eq!(answer["result"]["serverInfo"]["name"], "alkhub");
        }
        let message = client.message("tools/list", json!({}));
        let odd = client.request(Method::POST, Some(&message)).header("mcp-protocol-version", "1999-01-01");
        assert_eq!(Answer::of(odd).await.status, 400);
        // Without a word about revision and session, as with curl.
        let plain = hub.client.post(&client.url).bearer_auth(&client.key).json(&message);
        assert!(Answer::of(plain).await.ok()["result"]["tools"].is_array());
    })
    .await;
}

#[tokio::test]
async fn the_first_revision_has_batches() {
    each_hub(async |hub| {
        let client = Client::older(hub, OLDER[0]).await;
        let batch = json!([
            client.calling("kit_echo", &json!({ "text": "one" })),
            { "jsonrpc": "2.0", "method": "notifications/initialized" },
            client.following("kit_count", &json!({ "to": 3 })),
            client.message("no/such", json!({})),
        ]);
        let answers = client.send(&batch).await.ok();
        assert_eq!(answers.as_array().map(Vec::len), Some(3), "{answers}");
        assert_eq!(answers[0]["result"]["structuredContent"]["text"], "one");
        assert_eq!(answers[1]["result"]["structuredContent"]["items"].as_array().map(Vec::len), Some(3));
        assert_eq!(answers[2]["error"]["code"], -32601);
        assert_eq!(
            client.send(&json!([{ "jsonrpc": "2.0", "method": "notifications/x" }])).await.status,
            202
        );
        let many: Vec<Value> = (0..51).map(|_| client.message("ping", json!({}))).collect();
        for wrong in [json!([]), Value::Array(many)] {
            assert_eq!(client.send(&wrong).await.status, 400);
        }
        let client = Client::older(hub, OLDER[1]).await;
        assert_eq!(client.send(&json!([client.message("ping", json!({}))])).await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_message_is_refused_in_words() {
    each_hub(async |hub| {
        let client = Client::older(hub, "2025-11-25").await;
        let deep = "[".repeat(200);
        for (body, code) in [
            ("{", -32700),
            ("{}x", -32700),
            (&*deep, -32700),
            ("3", -32600),
            (r#"{"id":1,"method":3}"#, -32600),
        ] {
            let request = client.request(Method::POST, Some(&json!({}))).body(body.to_owned());
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, 400, "{body} {answer:?}");
            assert_eq!(answer.json()["error"]["code"], code, "{answer:?}");
        }
        let wrong = json!({ "id": 1, "method": "tools/call" });
        assert_eq!(client.send(&wrong).await.json()["error"]["code"], -32600);
        let answer = client.send(&json!({ "jsonrpc": "2.0", "id": 7, "result": {} })).await;
        refused(&answer, 400, "BAD_REQUEST");
        let empty = Answer::of(client.request(Method::POST, Some(&json!({}))).body("")).await;
        refused(&empty, 400, "BAD_REQUEST");
        let text = client.request(Method::POST, None).header("content-type", "text/plain").body("{}");
        refused(&Answer::of(text).await, 415, "UNSUPPORTED_MEDIA_TYPE");
        let large = client.calling("kit_echo", &json!({ "text": "x".repeat(3 << 20) }));
        refused(&client.send(&large).await, 413, "PAYLOAD_TOO_LARGE");
        assert!(messages(&client.send(&client.message("ping", json!({}))).await.body).len() == 1);
    })
    .await;
}
