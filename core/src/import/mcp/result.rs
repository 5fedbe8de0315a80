//! What a tool answered, in the envelope of an MCP result, or as the error that it is.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    blocks::{block, texts},
    defaults,
};
use crate::{CallError, engine::Output, error::codes};

/// Most characters of a server's words that an error repeats.
const MOST_WORDS: usize = 4000;

/// The tool that was called.
#[derive(Clone, Copy, Debug)]
pub struct Tool<'a> {
    /// Name of the service.
    pub service: &'a str,
    /// Name of the operation in it.
    pub operation: &'a str,
    /// Name that the server gave the tool.
    pub name: &'a str,
    /// Schema of its structured results.
    pub output_schema: Option<&'a Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Result_ {
    #[serde(default)]
    content: Vec<Value>,
    structured_content: Option<Value>,
    #[serde(default)]
    is_error: Option<bool>,
    #[serde(rename = "_meta")]
    meta: Option<Map<String, Value>>,
}

/// The output of a `tools/call` result.
///
/// # Errors
/// EXECUTION_ERROR where the tool says that it failed, or where this is no result.
pub fn answer(tool: Tool<'_>, result: Value) -> Result<Output, CallError> {
    let result: Result_ = serde_json::from_value(result).map_err(|error| {
        CallError::new(
            codes::EXECUTION_ERROR,
            format!("MCP tool {}.{} answered with what is no result: {error}", tool.service, tool.operation),
        )
    })?;
    let content: Vec<Value> = result.content.into_iter().map(block).collect();
    if result.is_error == Some(true) {
        return Err(failed(tool, &content));
    }
    let mut meta = json!({ "source": "mcp", "isError": false });
    let data = match result.structured_content.filter(|value| !value.is_null()) {
        Some(mut structured) => {
            if let Value::Object(fields) = &mut structured {
                // As the server said it; what is filled in is data, not what it said.
                meta["structuredContent"] = Value::Object(fields.clone());
                if let Some(schema) = tool.output_schema {
                    defaults::fill(fields, schema);
                }
            }
            structured
        }
        None => Value::Array(content.clone()),
    };
    meta["content"] = Value::Array(content);
    if let Some(own) = result.meta {
        meta["_meta"] = Value::Object(own);
    }
    let envelope = serde_json::to_vec(&json!({ "data": data, "meta": meta }));
    let envelope = envelope.map(Bytes::from).map_err(|error| CallError::internal(&error))?;
    Output::enveloped(envelope).ok_or_else(|| CallError::internal(&"an MCP envelope was not read as one"))
}

fn failed(tool: Tool<'_>, content: &[Value]) -> CallError {
    let words = texts(content).collect::<Vec<_>>().join("; ");
    let Tool { service, operation, .. } = tool;
    let message = format!("MCP tool {service}.{operation} returned error: {}", shortened(&words));
    CallError::new(codes::EXECUTION_ERROR, message)
        .with_details(json!({ "toolName": tool.name, "serverName": service, "isError": true }))
}

/// The error of a server that refused the request itself (a JSON-RPC error).
#[must_use]
pub fn refused(tool: Tool<'_>, code: i32, words: &str) -> CallError {
    let Tool { service, operation, .. } = tool;
    let message = format!("MCP server {service} refused the call of {operation}: {}", shortened(words));
    CallError::new(codes::EXECUTION_ERROR, message)
        .with_details(json!({ "toolName": tool.name, "serverName": service, "code": code }))
}

fn shortened(words: &str) -> &str {
    words.char_indices().nth(MOST_WORDS).map_or(words, |(end, _)| &words[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool<'a>(output_schema: Option<&'a Value>) -> Tool<'a> {
        Tool { service: "srv", operation: "get_weather", name: "get.weather", output_schema }
    }

    fn envelope(result: Value, schema: Option<&Value>) -> Value {
        let output = answer(tool(schema), result).expect("an answer");
        serde_json::from_slice(&output.into_envelope("srv.get_weather")).expect("JSON")
    }

    #[test]
    fn blocks_are_the_data_where_nothing_is_structured() {
        let content = json!([{ "type": "text", "text": "sunny" }]);
        assert_eq!(
            envelope(json!({ "content": content }), None),
            json!({ "data": content, "meta": { "source": "mcp", "isError": false, "content": content } })
        );
        assert_eq!(envelope(json!({}), None)["data"], json!([]));
    }

    #[test]
    fn structured_content_is_the_data_with_its_defaults() {
        let schema = json!({ "properties": { "unit": { "default": "C" } } });
        let result = json!({
            "content": [{ "type": "image", "data": "AA==" }, 5],
            "structuredContent": { "degrees": 20 },
            "_meta": { "trace": "x" },
            "isError": false,
        });
        let got = envelope(result, Some(&schema));
        assert_eq!(got["data"], json!({ "degrees": 20, "unit": "C" }));
        assert_eq!(got["meta"]["structuredContent"], json!({ "degrees": 20 }));
        assert_eq!(got["meta"]["_meta"], json!({ "trace": "x" }));
        assert_eq!(got["meta"]["content"][0]["mimeType"], "application/octet-stream");
        assert_eq!(got["meta"]["content"][1], json!({ "type": "text", "text": "5" }));
    }

    #[test]
    fn structured_content_that_is_no_object_is_data_alone() {
        let got = envelope(json!({ "content": [], "structuredContent": [1, 2] }), None);
        assert_eq!((&got["data"], got["meta"].get("structuredContent")), (&json!([1, 2]), None));
    }

    #[test]
    fn a_tool_that_failed_is_an_error() {
        let result = json!({ "isError": true, "content": [
            { "type": "text", "text": "no such city" }, { "type": "image", "data": "AA==" }, { "type": "text", "text": "try again" },
        ] });
        let error = answer(tool(None), result).expect_err("failed");
        assert_eq!(error.code, codes::EXECUTION_ERROR);
        assert_eq!(error.message, "MCP tool srv.get_weather returned error: no such city; try again");
        assert_eq!(
            error.details,
            Some(json!({ "toolName": "get.weather", "serverName": "srv", "isError": true }))
        );
        let long = json!({ "isError": true, "content": [{ "type": "text", "text": "x".repeat(100_000) }] });
        assert!(answer(tool(None), long).expect_err("failed").message.len() < 5000);
    }

    #[test]
    fn what_is_no_result_is_an_error() {
        for strange in [json!(null), json!([]), json!({ "content": 5 })] {
            assert_eq!(answer(tool(None), strange).expect_err("no result").code, codes::EXECUTION_ERROR);
        }
    }
}
