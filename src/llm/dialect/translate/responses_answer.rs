//! An answer of chat completions as a response.

use serde_json::{Map, Value, json};

use super::{
    super::{Dialect, Usage},
    Context,
};

/// The fields of a request that its response repeats, with their defaults.
const REPEATED: [&str; 11] = [
    "instructions",
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "reasoning",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "user",
];

/// What of the request the response repeats.
#[derive(Clone, Debug, Default)]
pub struct Echo(Map<String, Value>);

impl Echo {
    /// Of a request.
    #[must_use]
    pub fn of(request: &Value) -> Self {
        let mut fields = Map::new();
        for name in REPEATED {
            if let Some(value) = request.get(name).filter(|value| !value.is_null()) {
                fields.insert(name.to_owned(), value.clone());
            }
        }
        Self(fields)
    }

    /// A response in this state, without output.
    pub(super) fn response(&self, context: &Context, id: &str, model: &Value, status: &str) -> Value {
        let mut response = json!({
            "id": id,
            "object": "response",
            "created_at": context.now,
            "status": status,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "max_output_tokens": null,
            "metadata": {},
            "model": model,
            "output": [],
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": { "effort": null, "summary": null },
            "store": false,
            "temperature": null,
            "text": { "format": { "type": "text" } },
            "tool_choice": "auto",
            "tools": [],
            "top_p": null,
            "truncation": "disabled",
            "usage": null,
            "user": null,
        });
        for (name, value) in &self.0 {
            response[name] = value.clone();
        }
        response
    }
}

/// Sets status and details by the reason for which the answer ended.
pub(super) fn conclude(response: &mut Value, finish: Option<&str>) {
    let incomplete = match finish {
        Some("length") => Some("max_output_tokens"),
        Some("content_filter") => Some("content_filter"),
        _ => None,
    };
    match incomplete {
        Some(reason) => {
            response["status"] = "incomplete".into();
            response["incomplete_details"] = json!({ "reason": reason });
        }
        None => response["status"] = "completed".into(),
    }
}

/// A message of the output.
pub(super) fn message(id: &str, status: &str, text: Option<&str>) -> Value {
    let content: Vec<Value> = text.map(part).into_iter().collect();
    json!({ "type": "message", "id": id, "status": status, "role": "assistant", "content": content })
}

/// A part of a message.
pub(super) fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

/// A call of a function.
pub(super) fn call(id: &str, status: &str, call_id: &str, name: &str, arguments: &str) -> Value {
    json!({
        "type": "function_call", "id": id, "status": status, "call_id": call_id, "name": name,
        "arguments": arguments,
    })
}

/// An answer of chat completions as a response.
#[must_use]
pub fn chat_to_response(answer: &Value, context: &Context) -> Option<Value> {
    let choice = answer["choices"].as_array()?.first()?;
    let own = answer["id"].as_str().unwrap_or(&context.id);
    let mut output = Vec::new();
    let said = &choice["message"];
    if let Some(text) = said["content"].as_str().filter(|text| !text.is_empty()) {
        output.push(message(&format!("msg_{own}"), "completed", Some(text)));
    }
    if let Some(refusal) = said["refusal"].as_str().filter(|text| !text.is_empty()) {
        let mut message = message(&format!("msg_{own}_refusal"), "completed", None);
        message["content"] = json!([{ "type": "refusal", "refusal": refusal }]);
        output.push(message);
    }
    for (index, asked) in said["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let function = &asked["function"];
        let id = format!("fc_{own}_{index}");
        output.push(call(
            &id,
            "completed",
            &text(&asked["id"]),
            &text(&function["name"]),
            &text(&function["arguments"]),
        ));
    }
    let mut response = context.echo.response(context, &format!("resp_{own}"), &answer["model"], "completed");
    response["output"] = output.into();
    response["usage"] = Usage::of_value(Dialect::Chat, &answer["usage"]).unwrap_or_default().responses();
    conclude(&mut response, choice["finish_reason"].as_str());
    Some(response)
}
