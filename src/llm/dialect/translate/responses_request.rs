//! A request of responses as one of chat completions.

use serde_json::{Value, json};

use super::super::Refused;
use super::value::{Taken, foreign, plain};

const TO: &str = "another dialect than responses";

/// Translates a request; `compatible` providers know the older name of the bound.
///
/// # Errors
/// What has no counterpart.
pub fn to_chat(request: Value, compatible: bool) -> Result<Value, Refused> {
    let mut from = Taken::of(request, "", TO)?;
    let mut out = json!({});
    from.pass("model", &mut out);
    let mut messages = Vec::new();
    if let Some(instructions) = from.text("instructions")? {
        messages.push(json!({ "role": "system", "content": instructions }));
    }
    match from.take("input") {
        Some(Value::String(text)) => messages.push(json!({ "role": "user", "content": text })),
        Some(Value::Array(items)) => {
            for (index, item) in items.into_iter().enumerate() {
                self::item(item, index, &mut messages)?;
            }
        }
        _ => return Err(from.wrong("input", "text or a list of items")),
    }
    out["messages"] = messages.into();
    let bound = if compatible { "max_tokens" } else { "max_completion_tokens" };
    from.pass_as("max_output_tokens", bound, &mut out);
    for name in ["temperature", "top_p", "parallel_tool_calls", "user"] {
        from.pass(name, &mut out);
    }
    if from.flag("stream")? == Some(true) {
        out["stream"] = true.into();
        out["stream_options"] = json!({ "include_usage": true });
    }
    tools(&mut from, &mut out)?;
    if let Some(mut text) = from.object("text")? {
        if let Some(mut format) = text.object("format")? {
            match format.needed("type")?.as_str() {
                "text" => {}
                "json_object" => out["response_format"] = json!({ "type": "json_object" }),
                "json_schema" => {
                    let mut schema = json!({ "name": format.needed("name")? });
                    for name in ["schema", "strict", "description"] {
                        format.pass(name, &mut schema);
                    }
                    out["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
                }
                _ => return Err(format.foreign("type")),
            }
        }
        text.pass("verbosity", &mut out);
        text.end()?;
    }
    if let Some(mut reasoning) = from.object("reasoning")? {
        reasoning.pass_as("effort", "reasoning_effort", &mut out);
        reasoning.drop(&["summary", "generate_summary"]);
        reasoning.end()?;
    }
    from.drop(&[
        "store",
        "metadata",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "include",
        "stream_options",
    ]);
    from.drop_if("background", &[json!(false)]);
    from.drop_if("truncation", &[json!("disabled"), json!("auto")]);
    from.drop_if("top_logprobs", &[json!(0)]);
    from.end()?;
    Ok(out)
}

fn tools(from: &mut Taken, out: &mut Value) -> Result<(), Refused> {
    if let Some(tools) = from.list("tools")? {
        let mut translated = Vec::with_capacity(tools.len());
        for (index, tool) in tools.into_iter().enumerate() {
            let mut tool = Taken::of(tool, &format!("tools.{index}"), TO)?;
            if tool.needed("type")? != "function" {
                return Err(tool.foreign("type"));
            }
            let mut function = json!({ "name": tool.needed("name")? });
            for name in ["description", "parameters", "strict"] {
                tool.pass(name, &mut function);
            }
            tool.end()?;
            translated.push(json!({ "type": "function", "function": function }));
        }
        if !translated.is_empty() {
            out["tools"] = translated.into();
        }
    }
    match from.take("tool_choice") {
        None => {}
        Some(Value::String(word)) => out["tool_choice"] = word.into(),
        Some(choice) => match (choice["type"].as_str(), choice["name"].as_str()) {
            (Some("function"), Some(name)) => {
                out["tool_choice"] = json!({ "type": "function", "function": { "name": name } });
            }
            _ => return Err(foreign("tool_choice", TO)),
        },
    }
    if out["tools"].is_null()
        && let Some(out) = out.as_object_mut()
    {
        // Without tools these are refused by some providers.
        out.remove("tool_choice");
        out.remove("parallel_tool_calls");
    }
    Ok(())
}

fn item(item: Value, index: usize, messages: &mut Vec<Value>) -> Result<(), Refused> {
    let mut item = Taken::of(item, &format!("input.{index}"), TO)?;
    let kind = item.text("type")?.unwrap_or_else(|| "message".to_owned());
    match kind.as_str() {
        "message" => {
            let role = item.needed("role")?;
            let path = item.path("content");
            let content = item.take("content").unwrap_or_else(|| "".into());
            let content = match role.as_str() {
                "user" => user(content, &path)?,
                "assistant" => assistant(content, &path)?.into(),
                "system" | "developer" => plain(content, &path, TO)?.into(),
                _ => return Err(item.wrong("role", "user, assistant, system or developer")),
            };
            let role = if role == "developer" { "system" } else { &role };
            messages.push(json!({ "role": role, "content": content }));
        }
        "function_call" => {
            let call = json!({
                "id": item.needed("call_id")?,
                "type": "function",
                "function": { "name": item.needed("name")?, "arguments": item.text("arguments")?.unwrap_or_default() },
            });
            // Calls of one turn are one message, and so are the words before them.
            match messages.last_mut().filter(|last| last["role"] == "assistant") {
                Some(last) => match last["tool_calls"].as_array_mut() {
                    Some(calls) => calls.push(call),
                    None => last["tool_calls"] = json!([call]),
                },
                None => messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [call] })),
            }
        }
        "function_call_output" => {
            let path = item.path("output");
            let output = plain(item.take("output").unwrap_or_else(|| "".into()), &path, TO)?;
            let id = item.needed("call_id")?;
            messages.push(json!({ "role": "tool", "tool_call_id": id, "content": output }));
        }
        // What a provider thought of is bound to it and not taken to another.
        "reasoning" => {}
        _ => return Err(item.foreign("type")),
    }
    Ok(())
}

fn user(content: Value, path: &str) -> Result<Value, Refused> {
    let Value::Array(parts) = content else { return plain(content, path, TO).map(Value::from) };
    let mut out = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let mut part = Taken::of(part, &format!("{path}.{index}"), TO)?;
        out.push(match part.needed("type")?.as_str() {
            "input_text" | "text" => json!({ "type": "text", "text": part.needed("text")? }),
            "input_image" => {
                let url = part.text("image_url")?.ok_or_else(|| part.foreign("file_id"))?;
                let mut image = json!({ "url": url });
                part.pass("detail", &mut image);
                json!({ "type": "image_url", "image_url": image })
            }
            "input_file" => {
                let data = part.text("file_data")?.ok_or_else(|| part.foreign("file_id"))?;
                let mut file = json!({ "file_data": data });
                part.pass("filename", &mut file);
                json!({ "type": "file", "file": file })
            }
            _ => return Err(part.foreign("type")),
        });
        part.drop(&["detail"]);
        part.end()?;
    }
    Ok(out.into())
}

fn assistant(content: Value, path: &str) -> Result<String, Refused> {
    let Value::Array(parts) = content else { return plain(content, path, TO) };
    let mut all = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        let mut part = Taken::of(part, &format!("{path}.{index}"), TO)?;
        match part.needed("type")?.as_str() {
            "output_text" | "text" => all.push_str(&part.needed("text")?),
            "refusal" => all.push_str(&part.needed("refusal")?),
            _ => return Err(part.foreign("type")),
        }
    }
    Ok(all)
}
