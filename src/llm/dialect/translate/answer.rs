//! Answers of messages as those of chat completions, and the other way round.

use serde_json::{Value, json};

use super::{
    super::{Dialect, Usage},
    Context,
};

/// Why an answer ended, as chat completions say it.
pub(super) fn finish_reason(stop_reason: Option<&str>) -> &'static str {
    match stop_reason {
        Some("max_tokens" | "model_context_window_exceeded") => "length",
        Some("tool_use") => "tool_calls",
        Some("refusal") => "content_filter",
        _ => "stop",
    }
}

/// The same, as messages say it.
pub(super) fn stop_reason(finish_reason: Option<&str>) -> &'static str {
    match finish_reason {
        Some("length") => "max_tokens",
        Some("tool_calls" | "function_call") => "tool_use",
        Some("content_filter") => "refusal",
        _ => "end_turn",
    }
}

/// An answer of messages as one of chat completions.
#[must_use]
pub fn message_to_chat(answer: &Value, context: &Context) -> Option<Value> {
    let blocks = answer["content"].as_array()?;
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    for block in blocks {
        match block["type"].as_str() {
            Some("text") => text.push_str(block["text"].as_str().unwrap_or_default()),
            Some("thinking") => thinking.push_str(block["thinking"].as_str().unwrap_or_default()),
            Some("tool_use") => calls.push(json!({
                "id": block["id"],
                "type": "function",
                "function": { "name": block["name"], "arguments": block["input"].to_string() },
            })),
            _ => {}
        }
    }
    let mut message = json!({
        "role": "assistant",
        "content": (!text.is_empty() || calls.is_empty()).then_some(text),
        "refusal": null,
    });
    if !thinking.is_empty() {
        message["reasoning_content"] = thinking.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let usage = Usage::of_value(Dialect::Messages, &answer["usage"]).unwrap_or_default();
    Some(json!({
        "id": answer["id"].as_str().unwrap_or(&context.id),
        "object": "chat.completion",
        "created": context.now,
        "model": answer["model"],
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": finish_reason(answer["stop_reason"].as_str()),
        }],
        "usage": usage.chat(),
    }))
}

/// An answer of chat completions as one of messages.
#[must_use]
pub fn chat_to_message(answer: &Value, context: &Context) -> Option<Value> {
    let choice = answer["choices"].as_array()?.first()?;
    let message = &choice["message"];
    let mut content = Vec::new();
    let thinking = message["reasoning_content"].as_str().or_else(|| message["reasoning"].as_str());
    if let Some(thinking) = thinking.filter(|text| !text.is_empty()) {
        content.push(json!({ "type": "thinking", "thinking": thinking, "signature": "" }));
    }
    let refusal = message["refusal"].as_str().filter(|text| !text.is_empty());
    for text in [message["content"].as_str().filter(|text| !text.is_empty()), refusal].into_iter().flatten() {
        content.push(json!({ "type": "text", "text": text }));
    }
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        content.push(json!({
            "type": "tool_use",
            "id": call["id"],
            "name": call["function"]["name"],
            "input": arguments(call["function"]["arguments"].as_str().unwrap_or_default()),
        }));
    }
    let usage = Usage::of_value(Dialect::Chat, &answer["usage"]).unwrap_or_default();
    let reason = if refusal.is_some() { "refusal" } else { stop_reason(choice["finish_reason"].as_str()) };
    Some(json!({
        "id": answer["id"].as_str().unwrap_or(&context.id),
        "type": "message",
        "role": "assistant",
        "model": answer["model"],
        "content": content,
        "stop_reason": reason,
        "stop_sequence": null,
        "usage": usage.messages(),
    }))
}

/// Arguments that a model wrote; what is no object is kept under one name rather than lost.
fn arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Value::Object(object),
        _ => json!({ "arguments": text }),
    }
}
