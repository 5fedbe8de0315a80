//! A request of messages as one of chat completions.

use serde_json::{Value, json};

use super::super::Refused;
use super::value::{Taken, foreign, plain};

const TO: &str = "OpenAI's chat completions";

/// Translates a request; `compatible` providers know the older name of the bound, and sampling that OpenAI does not.
///
/// # Errors
/// What has no counterpart.
pub fn to_chat(request: Value, compatible: bool) -> Result<Value, Refused> {
    let mut from = Taken::of(request, "", TO)?;
    let mut out = json!({});
    from.pass("model", &mut out);
    let mut messages = Vec::new();
    if let Some(system) = from.take("system") {
        messages.push(json!({ "role": "system", "content": plain(system, "system", TO)? }));
    }
    let turns = from.list("messages")?.ok_or_else(|| from.wrong("messages", "a list"))?;
    for (index, turn) in turns.into_iter().enumerate() {
        let mut turn = Taken::of(turn, &format!("messages.{index}"), TO)?;
        let role = turn.needed("role")?;
        let path = turn.path("content");
        let content = turn.take("content").ok_or_else(|| turn.wrong("content", "there"))?;
        match role.as_str() {
            "user" => user(content, &path, &mut messages)?,
            "assistant" => assistant(content, &path, &mut messages)?,
            "system" => messages.push(json!({ "role": "system", "content": plain(content, &path, TO)? })),
            _ => return Err(turn.wrong("role", "user or assistant")),
        }
        turn.end()?;
    }
    out["messages"] = messages.into();
    from.pass_as("max_tokens", if compatible { "max_tokens" } else { "max_completion_tokens" }, &mut out);
    from.pass("temperature", &mut out);
    from.pass("top_p", &mut out);
    from.pass_as("stop_sequences", "stop", &mut out);
    if compatible {
        from.pass("top_k", &mut out);
    }
    if from.flag("stream")? == Some(true) {
        out["stream"] = true.into();
        out["stream_options"] = json!({ "include_usage": true });
    }
    tools(&mut from, &mut out)?;
    thinking(&mut from, &mut out)?;
    if let Some(mut metadata) = from.object("metadata")? {
        metadata.pass_as("user_id", "user", &mut out);
    }
    from.drop(&["service_tier", "inference_geo", "cache_control"]);
    from.end()?;
    Ok(out)
}

fn thinking(from: &mut Taken, out: &mut Value) -> Result<(), Refused> {
    if let Some(mut thinking) = from.object("thinking")? {
        let budget = thinking.count("budget_tokens")?;
        let effort = match (thinking.needed("type")?.as_str(), budget) {
            ("disabled", _) => None,
            ("enabled", Some(..=2048)) => Some("low"),
            ("enabled", Some(8193..)) => Some("high"),
            ("enabled" | "adaptive", _) => Some("medium"),
            _ => return Err(thinking.foreign("type")),
        };
        if let Some(effort) = effort {
            out["reasoning_effort"] = effort.into();
        }
    }
    let mut format = from.take("output_format");
    if let Some(mut config) = from.object("output_config")? {
        format = config.take("format").or(format);
        config.pass_as("effort", "reasoning_effort", out);
        config.end()?;
    }
    if let Some(format) = format {
        if format["type"] != "json_schema" {
            return Err(foreign("output_config.format.type", TO));
        }
        out["response_format"] = json!({
            "type": "json_schema",
            "json_schema": { "name": "output", "schema": format["schema"], "strict": true },
        });
    }
    Ok(())
}

fn tools(from: &mut Taken, out: &mut Value) -> Result<(), Refused> {
    if let Some(tools) = from.list("tools")? {
        let mut translated = Vec::with_capacity(tools.len());
        for (index, tool) in tools.into_iter().enumerate() {
            let mut tool = Taken::of(tool, &format!("tools.{index}"), TO)?;
            if tool.text("type")?.is_some_and(|kind| kind != "custom") {
                return Err(tool.foreign("type"));
            }
            let mut function = json!({ "name": tool.needed("name")? });
            tool.pass("description", &mut function);
            tool.pass_as("input_schema", "parameters", &mut function);
            tool.pass("strict", &mut function);
            tool.drop(&["cache_control", "eager_input_streaming", "input_examples"]);
            tool.end()?;
            translated.push(json!({ "type": "function", "function": function }));
        }
        out["tools"] = translated.into();
    }
    if let Some(mut choice) = from.object("tool_choice")? {
        let single = choice.flag("disable_parallel_tool_use")?;
        out["tool_choice"] = match choice.needed("type")?.as_str() {
            "auto" => "auto".into(),
            "any" => "required".into(),
            "none" => "none".into(),
            "tool" => json!({ "type": "function", "function": { "name": choice.needed("name")? } }),
            _ => return Err(choice.wrong("type", "auto, any, tool or none")),
        };
        if single == Some(true) {
            out["parallel_tool_calls"] = false.into();
        }
    }
    Ok(())
}

fn user(content: Value, path: &str, messages: &mut Vec<Value>) -> Result<(), Refused> {
    let blocks = match content {
        Value::String(text) => {
            messages.push(json!({ "role": "user", "content": text }));
            return Ok(());
        }
        Value::Array(blocks) => blocks,
        _ => return Err(Refused::new(path, format!("`{path}` must be text or a list of blocks."))),
    };
    let mut parts = Vec::new();
    for (index, block) in blocks.into_iter().enumerate() {
        let mut block = Taken::of(block, &format!("{path}.{index}"), TO)?;
        block.drop(&["cache_control", "citations"]);
        match block.needed("type")?.as_str() {
            "text" => parts.push(json!({ "type": "text", "text": block.needed("text")? })),
            "image" => {
                let mut source = block.object("source")?.ok_or_else(|| block.wrong("source", "an object"))?;
                let url = match source.needed("type")?.as_str() {
                    "base64" => {
                        format!("data:{};base64,{}", source.needed("media_type")?, source.needed("data")?)
                    }
                    "url" => source.needed("url")?,
                    _ => return Err(source.foreign("type")),
                };
                parts.push(json!({ "type": "image_url", "image_url": { "url": url } }));
            }
            "document" => {
                let name = block.text("title")?.unwrap_or_else(|| "document".to_owned());
                let mut source = block.object("source")?.ok_or_else(|| block.wrong("source", "an object"))?;
                match source.needed("type")?.as_str() {
                    "base64" => {
                        let data = format!(
                            "data:{};base64,{}",
                            source.needed("media_type")?,
                            source.needed("data")?
                        );
                        parts
                            .push(json!({ "type": "file", "file": { "filename": name, "file_data": data } }));
                    }
                    "text" => parts.push(json!({ "type": "text", "text": source.needed("data")? })),
                    _ => return Err(source.foreign("type")),
                }
            }
            "tool_result" => {
                let id = block.needed("tool_use_id")?;
                let failed = block.flag("is_error")? == Some(true);
                let path = block.path("content");
                let mut text = plain(block.take("content").unwrap_or_else(|| "".into()), &path, TO)?;
                if failed {
                    text.insert_str(0, "Error: ");
                }
                // Results come before what the user says beside them: they must follow the calls at once.
                messages.push(json!({ "role": "tool", "tool_call_id": id, "content": text }));
            }
            _ => return Err(block.foreign("type")),
        }
        block.end()?;
    }
    if !parts.is_empty() {
        messages.push(json!({ "role": "user", "content": parts }));
    }
    Ok(())
}

fn assistant(content: Value, path: &str, messages: &mut Vec<Value>) -> Result<(), Refused> {
    let blocks = match content {
        Value::String(text) => {
            messages.push(json!({ "role": "assistant", "content": text }));
            return Ok(());
        }
        Value::Array(blocks) => blocks,
        _ => return Err(Refused::new(path, format!("`{path}` must be text or a list of blocks."))),
    };
    let (mut text, mut calls) = (String::new(), Vec::new());
    for (index, block) in blocks.into_iter().enumerate() {
        let mut block = Taken::of(block, &format!("{path}.{index}"), TO)?;
        match block.needed("type")?.as_str() {
            "text" => text.push_str(&block.needed("text")?),
            "tool_use" => {
                let input = block.take("input").unwrap_or_else(|| json!({}));
                calls.push(json!({
                    "id": block.needed("id")?,
                    "type": "function",
                    "function": { "name": block.needed("name")?, "arguments": input.to_string() },
                }));
            }
            // What a provider thought of is bound to it and not taken to another.
            "thinking" | "redacted_thinking" => {}
            _ => return Err(block.foreign("type")),
        }
    }
    let mut message = json!({ "role": "assistant", "content": (!text.is_empty()).then_some(text) });
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    messages.push(message);
    Ok(())
}
