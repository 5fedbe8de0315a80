//! A stream of chat completions as one of messages.

use serde_json::{Value, json};

use super::{
    super::{Dialect, Event, Fault, Usage},
    Context,
    answer::stop_reason,
    failed, parsed,
    value::named,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Text,
    Thinking,
    /// A tool call, by its index in the chat.
    Tool(u64),
}

/// The state between two events.
#[derive(Debug)]
pub(super) struct ToMessages {
    context: Context,
    started: bool,
    ended: bool,
    /// The block that is open, and its index.
    open: Option<(Block, usize)>,
    /// Tool calls and the indexes of their blocks.
    tools: Vec<(u64, usize)>,
    blocks: usize,
    usage: Usage,
    finish: Option<String>,
}

impl ToMessages {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            started: false,
            ended: false,
            open: None,
            tools: Vec::new(),
            blocks: 0,
            usage: Usage::default(),
            finish: None,
        }
    }

    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        if event.data.trim_ascii() == b"[DONE]" {
            self.end(out);
            return Ok(());
        }
        let value = parsed(event)?;
        if !value["error"].is_null() {
            return Err(failed(&event.data));
        }
        if let Some(usage) = Usage::of_value(Dialect::Chat, &value["usage"]) {
            self.usage.merge(usage);
        }
        let Some(choice) = value["choices"].as_array().and_then(|choices| choices.first()) else {
            return Ok(());
        };
        self.start(&value, out);
        let delta = &choice["delta"];
        let text = |name: &str| delta[name].as_str().filter(|text| !text.is_empty());
        if let Some(thinking) = text("reasoning_content").or_else(|| text("reasoning")) {
            let index = self.block(Block::Thinking, out);
            self.delta(out, index, &json!({ "type": "thinking_delta", "thinking": thinking }));
        }
        if let Some(text) = text("content").or_else(|| text("refusal")) {
            let index = self.block(Block::Text, out);
            self.delta(out, index, &json!({ "type": "text_delta", "text": text }));
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.tool(call, out);
        }
        if let Some(finish) = choice["finish_reason"].as_str() {
            self.finish = Some(finish.to_owned());
        }
        Ok(())
    }

    fn start(&mut self, value: &Value, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        named(
            out,
            &json!({
                "type": "message_start",
                "message": {
                    "id": value["id"].as_str().unwrap_or(&self.context.id),
                    "type": "message",
                    "role": "assistant",
                    "model": value["model"],
                    "content": [],
                    "stop_reason": null,
                    "stop_sequence": null,
                    "usage": self.usage.messages(),
                },
            }),
        );
    }

    /// The index of a block of this kind, opened now if another was.
    fn block(&mut self, kind: Block, out: &mut Vec<u8>) -> usize {
        match self.open {
            Some((open, index)) if open == kind => index,
            _ => {
                let content = match kind {
                    Block::Thinking => json!({ "type": "thinking", "thinking": "", "signature": "" }),
                    _ => json!({ "type": "text", "text": "" }),
                };
                self.begin(kind, content, out)
            }
        }
    }

    fn begin(&mut self, kind: Block, content: Value, out: &mut Vec<u8>) -> usize {
        self.close(out);
        let index = self.blocks;
        self.blocks += 1;
        self.open = Some((kind, index));
        named(out, &json!({ "type": "content_block_start", "index": index, "content_block": content }));
        index
    }

    fn tool(&mut self, call: &Value, out: &mut Vec<u8>) {
        let number = call["index"].as_u64().unwrap_or_default();
        let known = self.tools.iter().find(|(tool, _)| *tool == number).map(|(_, index)| *index);
        let index = known.unwrap_or_else(|| {
            let content = json!({
                "type": "tool_use",
                "id": call["id"].as_str().map_or_else(|| format!("toolu_{number}"), str::to_owned),
                "name": call["function"]["name"].as_str().unwrap_or_default(),
                "input": {},
            });
            let index = self.begin(Block::Tool(number), content, out);
            self.tools.push((number, index));
            index
        });
        if let Some(arguments) = call["function"]["arguments"].as_str().filter(|text| !text.is_empty()) {
            self.delta(out, index, &json!({ "type": "input_json_delta", "partial_json": arguments }));
        }
    }

    fn delta(&self, out: &mut Vec<u8>, index: usize, delta: &Value) {
        named(out, &json!({ "type": "content_block_delta", "index": index, "delta": delta }));
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some((_, index)) = self.open.take() {
            named(out, &json!({ "type": "content_block_stop", "index": index }));
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.start(&Value::Null, out);
        self.close(out);
        let reason = stop_reason(self.finish.as_deref());
        named(
            out,
            &json!({
                "type": "message_delta",
                "delta": { "stop_reason": reason, "stop_sequence": null },
                "usage": self.usage.messages(),
            }),
        );
        named(out, &json!({ "type": "message_stop" }));
    }
}
