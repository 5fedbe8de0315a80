//! The four tools, and operations that are tools of their own.

use serde_json::{Value, json};

use super::client::{Client, OLDER};
use crate::support::hub::each_hub;

#[tokio::test]
async fn a_model_finds_looks_up_and_calls() {
    each_hub(async |hub| {
        let client = Client::new(hub);
        let result = client.call("search", json!({ "query": "make a new project" })).await;
        let text = result["content"][0]["text"].as_str().expect("a text");
        assert!(
            text.lines().next().is_some_and(
                |line| line.starts_with("project.create(name: string, repository: string) mutation: ")
            ),
            "{text}"
        );
        let first = &result["structuredContent"]["operations"][0];
        assert_eq!(
            (first["id"].as_str(), first["type"].as_str()),
            (Some("project.create"), Some("mutation"))
        );
        let ids = json!({ "operationIds": ["project.create", "project.nothing", "kit.count"] });
        let result = client.call("schema", ids.clone()).await;
        let text = result["content"][0]["text"].as_str().expect("a text");
        for part in [
            "project.create(input: {\n  ",
            "name: string;",
            "repository: string;",
            "@throws PROJECT_EXISTS",
            "// Operation not found: project.nothing",
            "AsyncIterable<",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(result["structuredContent"]["unknown"][0]["id"], "project.nothing");
        let mut json = ids;
        json["format"] = "json".into();
        let described = client.output("schema", json).await;
        assert_eq!(described["operations"][0]["inputSchema"]["required"], json!(["name", "repository"]));
        let input = json!({ "name": "by mcp", "repository": "https://git.example/x" });
        let call = json!({ "operationId": "project.create", "input": input, "idempotencyKey": "once" });
        let made = client.output("call", call.clone()).await;
        assert_eq!(made["name"], "by mcp");
        assert_eq!(client.output("call", call).await, made, "once");
    })
    .await;
}

#[tokio::test]
async fn search_is_as_long_as_the_caller_can_use() {
    each_hub(async |hub| {
        let client = Client::new(hub);
        let search = |tokens: usize| json!({ "query": "list read project key event file", "limit": 100, "maxTokens": tokens });
        let mut last = 0;
        for tokens in [50, 200, 800, 20_000] {
            let result = client.call("search", search(tokens)).await;
            let text = result["content"][0]["text"].as_str().expect("a text");
            let count = result["structuredContent"]["operations"].as_array().expect("operations").len();
            assert!(count >= last.max(1), "{count} after {last}");
            assert!(text.len() <= tokens * 4 + 300, "{} for {tokens}", text.len());
            let more = result["structuredContent"]["more"].as_bool().expect("whether there is more");
            match tokens {
                ..=200 => assert!(more, "{tokens}"),
                20_000 => assert!(!more || count == 100, "{count}"),
                _ => {}
            }
            last = count;
        }
        let none = client.call("search", json!({ "query": "qqqqqqqq" })).await;
        assert!(none["content"][0]["text"].as_str().is_some_and(|text| text.starts_with("Nothing")), "{none}");
        let one = client.output("search", json!({ "query": "project", "limit": 1 })).await;
        assert_eq!((one["operations"].as_array().map(Vec::len), one["more"].as_bool()), (Some(1), Some(true)));
    })
    .await;
}

#[tokio::test]
async fn what_fails_is_a_result_that_says_why() {
    each_hub(async |hub| {
        for client in [Client::new(hub), Client::older(hub, OLDER[2]).await] {
            let problem = client
                .problem("call", json!({ "operationId": "kit.fail", "input": { "how": "declared" } }))
                .await;
            assert_eq!(problem["code"], "KIT_REFUSED");
            assert_eq!(problem["details"]["reason"], "asked to");
            assert!(problem["requestId"].is_string());
            let problem = client.problem("kit_echo", json!({ "text": 3 })).await;
            assert_eq!(problem["code"], "VALIDATION_ERROR");
            assert_eq!(problem["details"]["faults"][0]["pointer"], "/text");
            let problem = client.problem("call", json!({ "operationId": "kit.ecco" })).await;
            assert_eq!(problem["code"], "OPERATION_NOT_FOUND");
            for how in ["internal", "panic"] {
                let problem = client
                    .problem("call", json!({ "operationId": "kit.fail", "input": { "how": how } }))
                    .await;
                assert_eq!(problem["code"], "EXECUTION_ERROR");
                assert!(!problem.to_string().contains("secret"), "{problem}");
            }
            let problem =
                client.problem("call", json!({ "operationId": "kit.slow", "input": { "ms": 60_000 } })).await;
            assert_eq!(problem["code"], "TIMEOUT");
            for wrong in
                [json!({}), json!({ "operationId": 3 }), json!({ "operationId": "kit.echo", "other": 1 })]
            {
                assert_eq!(client.problem("call", wrong).await["code"], "VALIDATION_ERROR");
            }
            let unknown = client.send(&client.calling("no_such", &json!({}))).await.json();
            assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_batch_answers_in_the_order_asked() {
    each_hub(async |hub| {
        let client = Client::new(hub);
        let calls = json!([
            { "operationId": "kit.slow", "input": { "ms": 50 } },
            { "operationId": "kit.echo", "input": { "text": "b" } },
            { "operationId": "kit.fail", "input": { "how": "declared" } },
            { "operationId": "kit.count", "input": { "to": 1 } },
            { "operationId": "hub.call", "input": { "operationId": "kit.live" } },
            // As some models write it.
            { "operationId": "kit.echo", "input": "{\"text\":\"f\"}" },
        ]);
        let answered = client.output("batch", json!({ "calls": calls })).await;
        let results = answered["results"].as_array().expect("results");
        assert_eq!(results.len(), 6);
        assert_eq!(results[0]["output"]["waited"], 50);
        assert_eq!(results[1]["output"]["text"], "b");
        let codes: Vec<_> =
            results[2..5].iter().map(|result| result["error"]["code"].as_str().expect("a code")).collect();
        assert_eq!(codes, ["KIT_REFUSED", "BAD_REQUEST", "OPERATION_NOT_FOUND"]);
        assert_eq!(results[5]["output"]["text"], "f");
        let many: Vec<Value> = (0..101).map(|_| json!({ "operationId": "kit.live" })).collect();
        for wrong in [json!([]), Value::Array(many)] {
            assert_eq!(client.problem("batch", json!({ "calls": wrong })).await["code"], "VALIDATION_ERROR");
        }
    })
    .await;
}

#[tokio::test]
async fn operations_that_are_tools_show_what_they_are() {
    each_hub(async |hub| {
        for version in OLDER {
            let client = Client::older(hub, version).await;
            let listed = client.ask("tools/list", json!({})).await;
            let tools = listed["tools"].as_array().expect("tools");
            for tool in tools {
                // What the clients of these revisions insist on.
                assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
                assert!(tool.get("outputSchema").is_none_or(|schema| schema["type"] == "object"), "{tool}");
                assert!(
                    tool["name"].as_str().is_some_and(|name| name.len() <= 64 && !name.contains('.')),
                    "{tool}"
                );
            }
            let find = |name: &str| tools.iter().find(|tool| tool["name"] == name).expect(name);
            let echo = find("kit_echo");
            assert_eq!(echo["title"], "Echo");
            assert_eq!(echo["annotations"]["readOnlyHint"], true);
            assert_eq!(echo["outputSchema"]["required"], json!(["text"]));
            let count = find("kit_count");
            assert_eq!(count["outputSchema"]["properties"]["items"]["items"]["required"], json!(["number"]));
        }
    })
    .await;
}

#[tokio::test]
async fn the_generated_descriptors_say_the_same() {
    each_hub(async |hub| {
        let client = Client::new(hub);
        let listed = client.ask("tools/list", json!({})).await;
        let generated: Value = serde_json::from_str(include_str!("../../generated/mcp.json")).expect("JSON");
        for descriptor in
            generated.as_array().expect("descriptors").iter().filter(|one| one.get("name").is_some())
        {
            let tool = listed["tools"]
                .as_array()
                .expect("tools")
                .iter()
                .find(|tool| tool["name"] == descriptor["name"]);
            let tool = tool.unwrap_or_else(|| panic!("{descriptor}"));
            for field in ["title", "description", "inputSchema"] {
                assert_eq!(tool[field], descriptor[field]);
            }
            for hint in ["readOnlyHint", "destructiveHint", "idempotentHint"] {
                assert_eq!(tool["annotations"][hint], descriptor["annotations"][hint]);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn calls_by_mcp_are_calls_like_others() {
    each_hub(async |hub| {
        let client = Client::new(hub);
        let message = client.calling("call", &json!({ "operationId": "kit.whoami" }));
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let request = client.request(reqwest::Method::POST, Some(&message)).header("traceparent", trace);
        let answer = crate::support::hub::Answer::of(request).await;
        let told = answer.ok()["result"]["structuredContent"].clone();
        assert_eq!(told["transport"], "Mcp");
        assert_eq!(told["requestId"].as_str(), answer.headers["x-request-id"].to_str().ok());
        assert!(
            told["traceparent"].as_str().is_some_and(|it| it.contains("0af7651916cd43dd8448eb211c80319c"))
        );
    })
    .await;
}
