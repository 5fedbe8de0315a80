//! A stream of messages as one of chat completions.

use serde_json::{Value, json};

use super::{
    super::{Dialect, Event, Fault, Usage},
    Context,
    answer::finish_reason,
    failed, parsed,
    value::data,
};

/// The state between two events.
#[derive(Debug)]
pub(super) struct ToChat {
    context: Context,
    id: String,
    model: Value,
    usage: Usage,
    stop_reason: Option<String>,
    /// Index of a block, and of the tool call that it is.
    tools: Vec<(u64, usize)>,
}

impl ToChat {
    pub(super) fn new(context: Context) -> Self {
        let id = context.id.clone();
        Self {
            context,
            id,
            model: Value::Null,
            usage: Usage::default(),
            stop_reason: None,
            tools: Vec::new(),
        }
    }

    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let value = parsed(event)?;
        match value["type"].as_str().unwrap_or_default() {
            "message_start" => {
                let message = &value["message"];
                if let Some(id) = message["id"].as_str() {
                    id.clone_into(&mut self.id);
                }
                self.model = message["model"].clone();
                self.note(&message["usage"]);
                self.chunk(out, &json!({ "role": "assistant", "content": "" }), Value::Null);
            }
            "content_block_start" => {
                let block = &value["content_block"];
                match block["type"].as_str() {
                    Some("tool_use") => {
                        let index = self.tools.len();
                        self.tools.push((value["index"].as_u64().unwrap_or_default(), index));
                        let call = json!({
                            "index": index, "id": block["id"], "type": "function",
                            "function": { "name": block["name"], "arguments": "" },
                        });
                        self.chunk(out, &json!({ "tool_calls": [call] }), Value::Null);
                    }
                    Some("text") if block["text"].as_str().is_some_and(|text| !text.is_empty()) => {
                        self.chunk(out, &json!({ "content": block["text"] }), Value::Null);
                    }
                    _ => {}
                }
            }
            "content_block_delta" => {
                let delta = &value["delta"];
                match delta["type"].as_str() {
                    Some("text_delta") => self.chunk(out, &json!({ "content": delta["text"] }), Value::Null),
                    Some("thinking_delta") => {
                        self.chunk(out, &json!({ "reasoning_content": delta["thinking"] }), Value::Null);
                    }
                    Some("input_json_delta") => {
                        let block = value["index"].as_u64().unwrap_or_default();
                        let found = self.tools.iter().rev().find(|(index, _)| *index == block);
                        if let Some(index) = found.map(|(_, index)| *index) {
                            let call = json!({
                                "index": index, "function": { "arguments": delta["partial_json"] },
                            });
                            self.chunk(out, &json!({ "tool_calls": [call] }), Value::Null);
                        }
                    }
                    _ => {}
                }
            }
            "message_delta" => {
                self.note(&value["usage"]);
                if let Some(reason) = value["delta"]["stop_reason"].as_str() {
                    self.stop_reason = Some(reason.to_owned());
                }
            }
            "message_stop" => {
                self.chunk(out, &json!({}), finish_reason(self.stop_reason.as_deref()).into());
                if self.context.include_usage {
                    let mut last = self.frame();
                    last["usage"] = self.usage.chat();
                    data(out, &last);
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
            "error" => return Err(failed(&event.data)),
            _ => {}
        }
        Ok(())
    }

    fn note(&mut self, usage: &Value) {
        if let Some(usage) = Usage::of_value(Dialect::Messages, usage) {
            self.usage.merge(usage);
        }
    }

    fn frame(&self) -> Value {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.context.now, "model": self.model,
            "choices": [],
        })
    }

    fn chunk(&self, out: &mut Vec<u8>, delta: &Value, finish: Value) {
        let mut frame = self.frame();
        frame["choices"] = json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
        data(out, &frame);
    }
}
