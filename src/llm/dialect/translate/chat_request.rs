//! A request of chat completions as one of messages.

use serde_json::{Value, json};

use super::super::Refused;
use super::value::{Taken, data_url, foreign, plain};

const TO: &str = "Anthropic's messages";

/// Most of the thinking that an effort stands for.
const EFFORTS: [(&str, u64); 4] = [("low", 2048), ("medium", 8192), ("high", 16384), ("xhigh", 32768)];

/// Translates a request. `max_tokens` bounds the answer where the request does not.
///
/// # Errors
/// What has no counterpart.
pub fn to_message(request: Value, max_tokens: u64) -> Result<Value, Refused> {
    let mut from = Taken::of(request, "", TO)?;
    let mut out = json!({});
    from.pass("model", &mut out);
    let messages = from.list("messages")?.ok_or_else(|| from.wrong("messages", "a list"))?;
    let (system, messages, in_tools) = conversation(messages)?;
    if !system.is_empty() {
        out["system"] = system.into();
    }
    out["messages"] = messages.into();
    let legacy = from.count("max_tokens")?;
    let mut most = from.count("max_completion_tokens")?.or(legacy).unwrap_or(max_tokens);
    tools(&mut from, &mut out)?;
    if let Some(effort) = from.text("reasoning_effort")? {
        let forced = matches!(out["tool_choice"]["type"].as_str(), Some("any" | "tool"));
        match EFFORTS.iter().find(|(name, _)| *name == effort) {
            // The thinking that preceded a tool's result is not in a chat; without it the provider refuses to think.
            Some((_, budget)) if !in_tools && !forced => {
                out["thinking"] = json!({ "type": "enabled", "budget_tokens": budget });
                most = most.saturating_add(*budget);
            }
            Some(_) => {}
            None if matches!(effort.as_str(), "none" | "minimal") => {}
            None => return Err(from.wrong("reasoning_effort", "none, minimal, low, medium, high or xhigh")),
        }
    }
    out["max_tokens"] = most.into();
    if let Some(temperature) = from.take("temperature") {
        if temperature.as_f64().is_none_or(|value| !(0.0..=1.0).contains(&value)) {
            return Err(from.wrong("temperature", "between 0 and 1 for this model"));
        }
        if out["thinking"].is_null() {
            out["temperature"] = temperature;
        }
    }
    from.pass("top_p", &mut out);
    from.pass("stream", &mut out);
    match from.take("stop") {
        None => {}
        Some(Value::String(stop)) => out["stop_sequences"] = json!([stop]),
        Some(Value::Array(stops)) => out["stop_sequences"] = stops.into(),
        Some(_) => return Err(from.wrong("stop", "text or a list of texts")),
    }
    if let Some(mut format) = from.object("response_format")? {
        match format.needed("type")?.as_str() {
            "text" => {}
            "json_schema" => {
                let mut schema =
                    format.object("json_schema")?.ok_or_else(|| format.wrong("json_schema", "an object"))?;
                let schema = schema.take("schema").unwrap_or_else(|| json!({ "type": "object" }));
                out["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema } });
            }
            _ => return Err(foreign("response_format.type", TO)),
        }
    }
    if let Some(user) = from.text("user")? {
        out["metadata"] = json!({ "user_id": user });
    }
    neutral(&mut from);
    from.end()?;
    Ok(out)
}

/// What changes nothing in the answer, or not with this value.
fn neutral(from: &mut Taken) {
    from.drop(&[
        "stream_options",
        "store",
        "metadata",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "verbosity",
    ]);
    let zero = [json!(0), json!(0.0)];
    from.drop_if("n", &[json!(1)]);
    from.drop_if("presence_penalty", &zero);
    from.drop_if("frequency_penalty", &zero);
    from.drop_if("logprobs", &[json!(false)]);
    from.drop_if("top_logprobs", &zero);
    from.drop_if("logit_bias", &[json!({})]);
    from.drop_if("modalities", &[json!(["text"])]);
}

fn tools(from: &mut Taken, out: &mut Value) -> Result<(), Refused> {
    if let Some(tools) = from.list("tools")? {
        let tools: Result<Vec<_>, _> =
            tools.into_iter().enumerate().map(|(index, tool)| self::tool(tool, index)).collect();
        out["tools"] = tools?.into();
    }
    let parallel = from.flag("parallel_tool_calls")?;
    let choice = match from.take("tool_choice") {
        None => None,
        Some(Value::String(word)) => Some(match word.as_str() {
            "auto" => json!({ "type": "auto" }),
            "none" => json!({ "type": "none" }),
            "required" => json!({ "type": "any" }),
            _ => return Err(from.wrong("tool_choice", "auto, none, required or a function")),
        }),
        Some(value) => match value["function"]["name"].as_str() {
            Some(name) => Some(json!({ "type": "tool", "name": name })),
            None => return Err(from.foreign("tool_choice")),
        },
    };
    if out["tools"].is_null() {
        return Ok(());
    }
    let mut choice = choice.unwrap_or(Value::Null);
    if parallel == Some(false) {
        if choice.is_null() {
            choice = json!({ "type": "auto" });
        }
        if choice["type"] != "none" {
            choice["disable_parallel_tool_use"] = true.into();
        }
    }
    if !choice.is_null() {
        out["tool_choice"] = choice;
    }
    Ok(())
}

fn tool(tool: Value, index: usize) -> Result<Value, Refused> {
    let mut tool = Taken::of(tool, &format!("tools.{index}"), TO)?;
    if tool.needed("type")? != "function" {
        return Err(tool.foreign("type"));
    }
    let mut function = tool.object("function")?.ok_or_else(|| tool.wrong("function", "an object"))?;
    let schema = function.take("parameters").unwrap_or_else(|| json!({ "type": "object", "properties": {} }));
    let mut out = json!({ "name": function.needed("name")?, "input_schema": schema });
    function.pass("description", &mut out);
    function.drop(&["strict"]);
    function.end()?;
    Ok(out)
}

/// System text, the messages, and whether the last of them answers tools.
fn conversation(messages: Vec<Value>) -> Result<(String, Vec<Value>, bool), Refused> {
    let mut system = String::new();
    let mut out: Vec<Value> = Vec::new();
    let mut in_tools = false;
    for (index, message) in messages.into_iter().enumerate() {
        let mut message = Taken::of(message, &format!("messages.{index}"), TO)?;
        let role = message.needed("role")?;
        message.drop(&["name"]);
        match role.as_str() {
            "system" | "developer" => {
                let path = message.path("content");
                let text = plain(message.take("content").unwrap_or_else(|| "".into()), &path, TO)?;
                if !system.is_empty() {
                    system.push_str("\n\n");
                }
                system.push_str(&text);
            }
            "user" => {
                in_tools = false;
                let path = message.path("content");
                let blocks = user(message.take("content").unwrap_or_else(|| "".into()), &path)?;
                push(&mut out, "user", blocks);
            }
            "assistant" => {
                let blocks = assistant(&mut message)?;
                push(&mut out, "assistant", blocks);
            }
            "tool" => {
                in_tools = true;
                let id = message.needed("tool_call_id")?;
                let path = message.path("content");
                let text = plain(message.take("content").unwrap_or_else(|| "".into()), &path, TO)?;
                push(
                    &mut out,
                    "user",
                    vec![json!({ "type": "tool_result", "tool_use_id": id, "content": text })],
                );
            }
            _ => return Err(message.wrong("role", "system, developer, user, assistant or tool")),
        }
        message.end()?;
    }
    Ok((system, out, in_tools))
}

/// One turn for all that follows each other in one role: results of tools must stand together.
fn push(out: &mut Vec<Value>, role: &str, blocks: Vec<Value>) {
    if blocks.is_empty() {
        return;
    }
    if let Some(last) = out.last_mut().filter(|last| last["role"] == role)
        && let Some(content) = last["content"].as_array_mut()
    {
        content.extend(blocks);
        return;
    }
    out.push(json!({ "role": role, "content": blocks }));
}

fn text(text: String) -> Option<Value> {
    (!text.is_empty()).then(|| json!({ "type": "text", "text": text }))
}

fn user(content: Value, path: &str) -> Result<Vec<Value>, Refused> {
    let parts = match content {
        Value::String(words) => return Ok(text(words).into_iter().collect()),
        Value::Array(parts) => parts,
        _ => return Err(Refused::new(path, format!("`{path}` must be text or a list of parts."))),
    };
    let mut blocks = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let mut part = Taken::of(part, &format!("{path}.{index}"), TO)?;
        match part.needed("type")?.as_str() {
            "text" => blocks.extend(text(part.needed("text")?)),
            "image_url" => {
                let mut image =
                    part.object("image_url")?.ok_or_else(|| part.wrong("image_url", "an object"))?;
                let url = image.needed("url")?;
                let source = match data_url(&url) {
                    Some((media, data)) => json!({ "type": "base64", "media_type": media, "data": data }),
                    None => json!({ "type": "url", "url": url }),
                };
                blocks.push(json!({ "type": "image", "source": source }));
            }
            "file" => {
                let mut file = part.object("file")?.ok_or_else(|| part.wrong("file", "an object"))?;
                let data = file.text("file_data")?.ok_or_else(|| file.foreign("file_id"))?;
                let (media, data) = data_url(&data).ok_or_else(|| file.wrong("file_data", "a data URL"))?;
                let mut block = json!({
                    "type": "document",
                    "source": { "type": "base64", "media_type": media, "data": data },
                });
                file.pass_as("filename", "title", &mut block);
                blocks.push(block);
            }
            _ => return Err(part.foreign("type")),
        }
        part.end()?;
    }
    Ok(blocks)
}

fn assistant(message: &mut Taken) -> Result<Vec<Value>, Refused> {
    // What a provider thought of is bound to it and not taken to another.
    message.drop(&["reasoning_content", "reasoning", "annotations"]);
    let mut blocks = Vec::new();
    match message.take("content") {
        None => {}
        Some(Value::Array(parts)) => {
            for (index, part) in parts.into_iter().enumerate() {
                let mut part = Taken::of(part, &format!("{}.{index}", message.path("content")), TO)?;
                match part.needed("type")?.as_str() {
                    "text" => blocks.extend(text(part.needed("text")?)),
                    "refusal" => blocks.extend(text(part.needed("refusal")?)),
                    _ => return Err(part.foreign("type")),
                }
            }
        }
        Some(Value::String(words)) => blocks.extend(text(words)),
        Some(_) => return Err(message.wrong("content", "text or a list of parts")),
    }
    if let Some(refusal) = message.text("refusal")? {
        blocks.extend(text(refusal));
    }
    for (index, call) in message.list("tool_calls")?.unwrap_or_default().into_iter().enumerate() {
        let mut call = Taken::of(call, &format!("{}.{index}", message.path("tool_calls")), TO)?;
        let id = call.needed("id")?;
        if call.text("type")?.is_some_and(|kind| kind != "function") {
            return Err(call.foreign("type"));
        }
        let mut function = call.object("function")?.ok_or_else(|| call.wrong("function", "an object"))?;
        let arguments = function.text("arguments")?.unwrap_or_default();
        let input: Value = if arguments.trim().is_empty() {
            json!({})
        } else {
            serde_json::from_str(&arguments)
                .ok()
                .filter(Value::is_object)
                .ok_or_else(|| function.wrong("arguments", "a JSON object as text"))?
        };
        blocks
            .push(json!({ "type": "tool_use", "id": id, "name": function.needed("name")?, "input": input }));
    }
    Ok(blocks)
}
