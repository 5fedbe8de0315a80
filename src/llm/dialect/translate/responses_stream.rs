//! A stream of chat completions as one of responses.

use serde_json::{Value, json};

use super::{
    super::{Dialect, Event, Fault, Usage},
    Context, failed, parsed,
    responses_answer::{call, conclude, message, part},
    value::named,
};

/// An item of the output.
#[derive(Debug)]
enum Item {
    Message { id: String, text: String },
    Call { number: u64, id: String, call_id: String, name: String, arguments: String },
}

/// The state between two events. Grows with the answer, because the last event repeats all of it; the answer is bounded
/// by [`MOST`].
#[derive(Debug)]
pub(super) struct ToResponses {
    context: Context,
    id: String,
    model: Value,
    started: bool,
    ended: bool,
    sequence: u64,
    items: Vec<Item>,
    /// Whether the last item is open.
    open: bool,
    held: usize,
    usage: Usage,
    finish: Option<String>,
}

/// Longest answer that is held for its last event.
const MOST: usize = 16 * 1024 * 1024;

impl ToResponses {
    pub(super) fn new(context: Context) -> Self {
        let id = context.id.clone();
        Self {
            context,
            id,
            model: Value::Null,
            started: false,
            ended: false,
            sequence: 0,
            items: Vec::new(),
            open: false,
            held: 0,
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
        if let Some(text) = delta["content"].as_str().filter(|text| !text.is_empty()) {
            self.text(text, out);
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call(call, out);
        }
        if let Some(finish) = choice["finish_reason"].as_str() {
            self.finish = Some(finish.to_owned());
        }
        if self.held > MOST {
            return Err(Fault {
                status: 502,
                code: Some("UPSTREAM_FAILED".to_owned()),
                message: format!("The answer is longer than {MOST} bytes."),
                ..Fault::default()
            });
        }
        Ok(())
    }

    fn say(&mut self, out: &mut Vec<u8>, mut value: Value) {
        value["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        named(out, &value);
    }

    fn response(&self, status: &str) -> Value {
        self.context.echo.response(&self.context, &format!("resp_{}", self.id), &self.model, status)
    }

    fn start(&mut self, value: &Value, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        if let Some(id) = value["id"].as_str() {
            id.clone_into(&mut self.id);
        }
        self.model = value["model"].clone();
        let response = self.response("in_progress");
        self.say(out, json!({ "type": "response.created", "response": response }));
        self.say(out, json!({ "type": "response.in_progress", "response": response }));
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if !self.open || !matches!(self.items.last(), Some(Item::Message { .. })) {
            self.close(out);
            let id = format!("msg_{}_{}", self.id, self.items.len());
            let index = self.items.len();
            let item = message(&id, "in_progress", None);
            self.say(
                out,
                json!({ "type": "response.output_item.added", "output_index": index, "item": item }),
            );
            self.say(
                out,
                json!({
                    "type": "response.content_part.added", "item_id": id, "output_index": index,
                    "content_index": 0, "part": part(""),
                }),
            );
            self.items.push(Item::Message { id, text: String::new() });
            self.open = true;
        }
        let index = self.items.len() - 1;
        self.held += text.len();
        if let Some(Item::Message { id, text: all }) = self.items.last_mut() {
            all.push_str(text);
            let event = json!({
                "type": "response.output_text.delta", "item_id": id, "output_index": index,
                "content_index": 0, "delta": text, "logprobs": [],
            });
            self.say(out, event);
        }
    }

    fn call(&mut self, asked: &Value, out: &mut Vec<u8>) {
        let wanted = asked["index"].as_u64().unwrap_or_default();
        let is_it = |item: &Item| matches!(item, Item::Call { number, .. } if *number == wanted);
        if !self.items.last().is_some_and(is_it) || !self.open {
            self.close(out);
            let (index, text) =
                (self.items.len(), |value: &Value| value.as_str().unwrap_or_default().to_owned());
            let id = format!("fc_{}_{index}", self.id);
            let (call_id, name) = (text(&asked["id"]), text(&asked["function"]["name"]));
            let item = self::call(&id, "in_progress", &call_id, &name, "");
            self.say(
                out,
                json!({ "type": "response.output_item.added", "output_index": index, "item": item }),
            );
            self.items.push(Item::Call { number: wanted, id, call_id, name, arguments: String::new() });
            self.open = true;
        }
        let index = self.items.len() - 1;
        let Some(more) = asked["function"]["arguments"].as_str().filter(|more| !more.is_empty()) else {
            return;
        };
        self.held += more.len();
        if let Some(Item::Call { id, arguments, .. }) = self.items.last_mut() {
            arguments.push_str(more);
            let event = json!({
                "type": "response.function_call_arguments.delta", "item_id": id, "output_index": index,
                "delta": more,
            });
            self.say(out, event);
        }
    }

    /// Ends the item that is open.
    fn close(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let Some(index) = self.items.len().checked_sub(1) else { return };
        let mut events = Vec::new();
        match &self.items[index] {
            Item::Message { id, text } => {
                events.push(json!({
                    "type": "response.output_text.done", "item_id": id, "output_index": index,
                    "content_index": 0, "text": text, "logprobs": [],
                }));
                events.push(json!({
                    "type": "response.content_part.done", "item_id": id, "output_index": index,
                    "content_index": 0, "part": part(text),
                }));
            }
            Item::Call { id, name, arguments, .. } => events.push(json!({
                "type": "response.function_call_arguments.done", "item_id": id, "output_index": index,
                "name": name, "arguments": arguments,
            })),
        }
        let item = self.items[index].value();
        events.push(json!({ "type": "response.output_item.done", "output_index": index, "item": item }));
        events.into_iter().for_each(|event| self.say(out, event));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.start(&Value::Null, out);
        self.close(out);
        let mut response = self.response("completed");
        response["output"] = self.items.iter().map(Item::value).collect::<Vec<_>>().into();
        response["usage"] = self.usage.responses();
        conclude(&mut response, self.finish.as_deref());
        let kind =
            if response["status"] == "incomplete" { "response.incomplete" } else { "response.completed" };
        self.say(out, json!({ "type": kind, "response": response }));
    }
}

impl Item {
    fn value(&self) -> Value {
        match self {
            Self::Message { id, text } => message(id, "completed", Some(text)),
            Self::Call { id, call_id, name, arguments, .. } => {
                call(id, "completed", call_id, name, arguments)
            }
        }
    }
}
