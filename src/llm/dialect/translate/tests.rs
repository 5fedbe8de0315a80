//! Shapes of both vendors, translated by hand, and streams cut anywhere.

use serde_json::{Value, json};

use super::super::{Dialect, Splitter, events};
use super::*;

const TO_MESSAGES: Route = Route { from: Dialect::Chat, to: Dialect::Messages, compatible: false };
const TO_CHAT: Route = Route { from: Dialect::Messages, to: Dialect::Chat, compatible: false };

fn translated(route: Route, request: Value) -> Value {
    route.request(request, "m", 100).map_or_else(|refused| panic!("{refused:?}"), |(request, _)| request)
}

#[test]
fn chats_become_messages() {
    let user = json!({ "role": "user", "content": "Hi" });
    let said = json!([{ "role": "user", "content": [{ "type": "text", "text": "Hi" }] }]);
    for (request, expected) in [
        (json!({ "messages": [user] }), json!({ "model": "m", "max_tokens": 100, "messages": said })),
        (
            json!({ "messages": [{ "role": "system", "content": "A" }, { "role": "developer", "content": "B" }, user],
                "stop": "x", "temperature": 0.5, "max_completion_tokens": 7, "user": "u", "n": 1, "store": true }),
            json!({ "model": "m", "max_tokens": 7, "messages": said, "system": "A\n\nB", "stop_sequences": ["x"],
                "temperature": 0.5, "metadata": { "user_id": "u" } }),
        ),
        (
            json!({ "messages": [user], "tools": [{ "type": "function", "function": { "name": "f", "description": "d",
                "parameters": { "type": "object" }, "strict": true } }], "tool_choice": "required", "parallel_tool_calls": false }),
            json!({ "model": "m", "max_tokens": 100, "messages": said, "tools": [{ "name": "f", "description": "d",
                "input_schema": { "type": "object" } }], "tool_choice": { "type": "any", "disable_parallel_tool_use": true } }),
        ),
        (
            json!({ "messages": [user], "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": { "type": "object" } } } }),
            json!({ "model": "m", "max_tokens": 100, "messages": said,
                "output_config": { "format": { "type": "json_schema", "schema": { "type": "object" } } } }),
        ),
        (
            json!({ "messages": [user], "reasoning_effort": "low", "temperature": 1 }),
            json!({ "model": "m", "max_tokens": 2148, "messages": said, "thinking": { "type": "enabled", "budget_tokens": 2048 } }),
        ),
        (
            json!({ "messages": [
                { "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA" } }] },
                { "role": "assistant", "content": null, "tool_calls": [
                    { "id": "1", "type": "function", "function": { "name": "f", "arguments": "{\"a\":1}" } },
                    { "id": "2", "type": "function", "function": { "name": "f", "arguments": "" } } ] },
                { "role": "tool", "tool_call_id": "1", "content": "one" },
                { "role": "tool", "tool_call_id": "2", "content": "two" },
            ] }),
            json!({ "model": "m", "max_tokens": 100, "messages": [
                { "role": "user", "content": [{ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AA" } }] },
                { "role": "assistant", "content": [
                    { "type": "tool_use", "id": "1", "name": "f", "input": { "a": 1 } },
                    { "type": "tool_use", "id": "2", "name": "f", "input": {} } ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "1", "content": "one" },
                    { "type": "tool_result", "tool_use_id": "2", "content": "two" } ] },
            ] }),
        ),
    ] {
        assert_eq!(translated(TO_MESSAGES, request), expected);
    }
}

#[test]
fn messages_become_chats() {
    let request = json!({
        "max_tokens": 9, "system": [{ "type": "text", "text": "S", "cache_control": { "type": "ephemeral" } }],
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "Hi" }, { "type": "image", "source": { "type": "url", "url": "https://x/y.png" } }] },
            { "role": "assistant", "content": [{ "type": "thinking", "thinking": "t", "signature": "s" }, { "type": "text", "text": "ok" },
                { "type": "tool_use", "id": "1", "name": "f", "input": { "a": 1 } }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "1", "content": [{ "type": "text", "text": "r" }], "is_error": true },
                { "type": "text", "text": "and?" }] },
        ],
        "stop_sequences": ["x"], "tools": [{ "name": "f", "input_schema": { "type": "object" } }], "tool_choice": { "type": "tool", "name": "f" },
        "thinking": { "type": "enabled", "budget_tokens": 1024 }, "stream": true,
    });
    let expected = json!({
        "model": "m", "max_completion_tokens": 9, "stop": ["x"], "stream": true, "stream_options": { "include_usage": true },
        "messages": [
            { "role": "system", "content": "S" },
            { "role": "user", "content": [{ "type": "text", "text": "Hi" }, { "type": "image_url", "image_url": { "url": "https://x/y.png" } }] },
            { "role": "assistant", "content": "ok", "tool_calls": [{ "id": "1", "type": "function", "function": { "name": "f", "arguments": "{\"a\":1}" } }] },
            { "role": "tool", "tool_call_id": "1", "content": "Error: r" },
            { "role": "user", "content": [{ "type": "text", "text": "and?" }] },
        ],
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }],
        "tool_choice": { "type": "function", "function": { "name": "f" } }, "reasoning_effort": "low",
    });
    assert_eq!(translated(TO_CHAT, request), expected);
}

#[test]
fn what_has_no_counterpart_is_named() {
    let chat = |extra: Value| merged(json!({ "messages": [{ "role": "user", "content": "Hi" }] }), extra);
    let message = |extra: Value| {
        merged(json!({ "max_tokens": 1, "messages": [{ "role": "user", "content": "Hi" }] }), extra)
    };
    for (route, request, param) in [
        (TO_MESSAGES, chat(json!({ "n": 2 })), "n"),
        (TO_MESSAGES, chat(json!({ "temperature": 1.5 })), "temperature"),
        (TO_MESSAGES, chat(json!({ "seed": 1 })), "seed"),
        (TO_MESSAGES, chat(json!({ "response_format": { "type": "json_object" } })), "response_format.type"),
        (TO_MESSAGES, chat(json!({ "tools": [{ "type": "custom" }] })), "tools.0.type"),
        (TO_MESSAGES, chat(json!({ "never_heard_of": 1 })), "never_heard_of"),
        (
            TO_MESSAGES,
            json!({ "messages": [{ "role": "user", "content": [{ "type": "input_audio" }] }] }),
            "messages.0.content.0.type",
        ),
        (TO_MESSAGES, json!({ "messages": "Hi" }), "messages"),
        (TO_CHAT, message(json!({ "top_k": 3 })), "top_k"),
        (
            TO_CHAT,
            message(json!({ "tools": [{ "type": "web_search_20250305", "name": "s" }] })),
            "tools.0.type",
        ),
        (TO_CHAT, message(json!({ "mcp_servers": [{}] })), "mcp_servers"),
        (
            Route { from: Dialect::Responses, ..TO_CHAT },
            json!({ "input": "Hi", "previous_response_id": "x" }),
            "previous_response_id",
        ),
        (
            Route { from: Dialect::Responses, ..TO_CHAT },
            json!({ "input": [{ "type": "item_reference" }] }),
            "input.0.type",
        ),
    ] {
        let refused = route.request(request.clone(), "m", 1).expect_err(param);
        assert_eq!(refused.param, param, "{request}");
        assert!(refused.message.contains(param), "{refused:?}");
    }
}

fn merged(mut value: Value, extra: Value) -> Value {
    if let (Some(value), Value::Object(extra)) = (value.as_object_mut(), extra) {
        value.extend(extra);
    }
    value
}

const MESSAGES: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"c\",\"usage\":{\"input_tokens\":3}}}\n\n\
event: ping\ndata: {\"type\":\"ping\"}\n\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"gr\u{fc}n\"}}\r\n\r\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n\
event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":5}}\n\n\
event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

const CHAT: &str = "data: {\"id\":\"c1\",\"model\":\"g\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"content\":\"gr\u{fc}n\"}}]}\n\n\
data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n\
data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}}]}\r\n\r\n\
data: {\"id\":\"c1\",\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n\
data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n\
data: [DONE]\n\n";

fn streamed(route: Route, parts: &[&[u8]]) -> Vec<u8> {
    let mut stream =
        route.stream(Context { include_usage: true, ..Context::default() }).expect("a translator");
    let (mut splitter, mut out) = (Splitter::new(10_000), Vec::new());
    for part in parts {
        if let Some(part) = splitter.push(bytes::Bytes::copy_from_slice(part)).expect("short") {
            for event in events(&part) {
                stream.event(&event, &mut out).expect("translated");
            }
        }
    }
    out
}

#[test]
fn a_stream_cut_anywhere_is_translated_the_same() {
    for (from, to, source) in [
        (Dialect::Chat, Dialect::Messages, MESSAGES),
        (Dialect::Responses, Dialect::Messages, MESSAGES),
        (Dialect::Messages, Dialect::Chat, CHAT),
        (Dialect::Responses, Dialect::Chat, CHAT),
    ] {
        let route = Route { from, to, compatible: false };
        let source = source.as_bytes();
        let expected = streamed(route, &[source]);
        assert!(!expected.is_empty());
        for cut in 0..source.len() {
            let (first, second) = source.split_at(cut);
            assert_eq!(streamed(route, &[first, second]), expected, "{from:?} {to:?} {cut}");
        }
        let single: Vec<&[u8]> = source.chunks(1).collect();
        assert_eq!(streamed(route, &single), expected);
        // What comes out can be translated back, or at least read.
        let kinds: Vec<String> =
            events(&expected).map(|event| String::from_utf8_lossy(&event.data).into_owned()).collect();
        assert!(kinds.iter().any(|data| data.contains("grün")), "{kinds:?}");
        assert!(kinds.iter().all(|data| data == "[DONE]" || serde_json::from_str::<Value>(data).is_ok()));
    }
}

#[test]
fn usage_comes_through_streams() {
    let chat = streamed(TO_MESSAGES, &[MESSAGES.as_bytes()]);
    let mut watch = super::super::Watch::new(Dialect::Chat);
    events(&chat).for_each(|event| _ = watch.event(&event));
    assert_eq!(watch.usage().map(|usage| (usage.input, usage.output)), Some((3, 5)));
    let messages = streamed(TO_CHAT, &[CHAT.as_bytes()]);
    let mut watch = super::super::Watch::new(Dialect::Messages);
    events(&messages).for_each(|event| _ = watch.event(&event));
    assert_eq!(watch.usage().map(|usage| (usage.input, usage.output)), Some((3, 5)));
    assert!(watch.ended());
}
