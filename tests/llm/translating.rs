//! Callers of one dialect at providers of the other.

use serde_json::{Value, json};

use super::{chat, data, each, message, streamed, text};

fn tools(body: &mut Value, anthropic: bool) {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    body["tools"] = if anthropic {
        json!([{ "name": "get_weather", "input_schema": schema }])
    } else {
        json!([{ "type": "function", "function": { "name": "get_weather", "parameters": schema } }])
    };
}

#[tokio::test]
async fn a_chat_at_anthropic() {
    each(async |hub, upstream| {
        let mut body = chat("anth/claude-haiku-4-5");
        tools(&mut body, false);
        let answer = hub.post("/v1/chat/completions", body.clone()).await.ok();
        let call = &answer["choices"][0]["message"]["tool_calls"][0];
        assert_eq!(
            (&call["function"]["name"], &call["function"]["arguments"]),
            (&json!("get_weather"), &json!("{\"city\":\"Paris\"}"))
        );
        assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
        let message = answer["choices"][0]["message"].clone();
        body["messages"]
            .as_array_mut()
            .expect("a list")
            .extend([message, json!({ "role": "tool", "tool_call_id": "toolu_1", "content": "Sunny" })]);
        let answer = hub.post("/v1/chat/completions", body.clone()).await.ok();
        assert_eq!(answer["choices"][0]["message"]["content"], "Hello from claude-haiku-4-5");
        let got: Value = serde_json::from_str(&upstream.got()[1].body).expect("JSON");
        assert_eq!(got["messages"][2]["content"][0]["type"], "tool_result");
        assert_eq!(got["max_tokens"], 4096);

        body["messages"] = chat("x")["messages"].clone();
        let events = data(&hub.post("/v1/chat/completions", streamed(body)).await);
        let arguments: String = events
            .iter()
            .filter_map(|event| {
                event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str()
            })
            .collect();
        assert_eq!(arguments, "{\"city\":\"Paris\"}");
        let answer = hub.post("/v1/chat/completions", streamed(chat("anth/claude-haiku-4-5"))).await;
        assert_eq!(text(&data(&answer)), "Hello from claude-haiku-4-5");
        assert!(answer.body.ends_with("data: [DONE]\n\n"));
        let mut refused = chat("anth/claude-haiku-4-5");
        refused["logit_bias"] = json!({ "1": 2 });
        let answer = hub.post("/v1/chat/completions", refused).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]["param"]), (400, &json!("logit_bias")));
    })
    .await;
}

#[tokio::test]
async fn a_message_at_openai() {
    each(async |hub, upstream| {
        let mut body = message("open/gpt-4o-mini");
        body["system"] = json!("Be brief");
        tools(&mut body, true);
        let answer = hub.post("/v1/messages", body.clone()).await.ok();
        assert_eq!(
            (&answer["content"][0]["type"], &answer["content"][0]["input"]),
            (&json!("tool_use"), &json!({ "city": "Paris" }))
        );
        assert_eq!(
            (&answer["stop_reason"], &answer["usage"]["output_tokens"]),
            (&json!("tool_use"), &json!(4))
        );
        let got: Value = serde_json::from_str(&upstream.got()[0].body).expect("JSON");
        assert_eq!(
            (&got["messages"][0]["role"], &got["max_completion_tokens"]),
            (&json!("system"), &json!(50))
        );
        let events = data(&hub.post("/v1/messages", streamed(body)).await);
        let kinds: Vec<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
        assert_eq!(
            kinds,
            [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop",
            ]
        );
        assert_eq!(events[5]["usage"]["output_tokens"], 4);
        let mut refused = message("open/gpt-4o-mini");
        refused["top_k"] = json!(3);
        let answer = hub.post("/v1/messages", refused).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (400, &json!("error")));
        assert!(answer.json()["error"]["message"].as_str().expect("text").contains("`top_k`"));
    })
    .await;
}

#[tokio::test]
async fn responses_where_nobody_has_them() {
    each(async |hub, upstream| {
        let local = json!({ "name": "local", "kind": "openai-compatible", "baseUrl": upstream.url });
        hub.post("/api/providers", local).await.ok();
        for model in ["anth/claude-haiku-4-5", "local/m"] {
            let mut body = json!({ "model": model, "input": "Hi", "instructions": "Be brief" });
            let answer = hub.post("/v1/responses", body.clone()).await.ok();
            assert_eq!(
                (&answer["status"], &answer["usage"]["input_tokens"]),
                (&json!("completed"), &json!(11))
            );
            assert!(
                answer["output"][0]["content"][0]["text"].as_str().expect("text").starts_with("Hello"),
                "{answer}"
            );
            let events = data(&hub.post("/v1/responses", streamed(body.clone())).await);
            assert_eq!(events.last().expect("an event")["type"], "response.completed");
            let numbers: Vec<_> =
                events.iter().map(|event| event["sequence_number"].as_u64().expect("a number")).collect();
            assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
            body["tools"] =
                json!([{ "type": "function", "name": "get_weather", "parameters": { "type": "object" } }]);
            let events = data(&hub.post("/v1/responses", streamed(body.clone())).await);
            let output = &events.last().expect("an event")["response"]["output"][0];
            assert_eq!(
                (&output["type"], &output["arguments"]),
                (&json!("function_call"), &json!("{\"city\":\"Paris\"}"))
            );
            body["previous_response_id"] = json!("resp_1");
            let refused = hub.post("/v1/responses", body).await;
            assert_eq!(refused.json()["error"]["param"], "previous_response_id");
        }
    })
    .await;
}
