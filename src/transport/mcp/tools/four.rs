//! The four tools as `tools/list` shows them.

use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Value, json};

use super::{schema::MOST_SCHEMAS, search};

/// Longest id of an operation, as `hub.call` has it.
const ID: usize = 300;

pub(super) fn all() -> Vec<Tool> {
    let id = json!({ "type": "string", "minLength": 1, "maxLength": ID, "description": "Id of an operation, as `search` gives it." });
    let input = json!({ "type": "object", "description": "Its input, as `schema` describes it; an empty object where absent." });
    let key = json!({ "type": "string", "minLength": 1, "maxLength": 255, "description": "Where the call is repeated with the same key, it has its effect once." });
    let call = json!({ "operationId": id, "input": input, "idempotencyKey": key });
    let mut collect = call.clone();
    collect["collect"] = json!({
        "type": "object",
        "description": "Of a subscription: when to stop collecting its items, at the latest.",
        "additionalProperties": false,
        "properties": {
            "items": { "type": "integer", "minimum": 1 },
            "seconds": { "type": "number", "minimum": 0, "exclusiveMinimum": 0 },
        },
    });
    vec![
        tool(
            "search",
            "Search operations",
            "Finds operations by what they should do, best first. Answers with a line each: id, what it needs, what it does. Take an id to `schema` or `call`.",
            object(
                &["query"],
                json!({
                    "query": { "type": "string", "minLength": 1, "maxLength": 500, "description": "What the operation should do, in a few words." },
                    "limit": { "type": "integer", "minimum": 1, "maximum": 100, "default": search::RESULTS, "description": "How many at the most." },
                    "maxTokens": { "type": "integer", "minimum": search::LEAST_TOKENS, "maximum": search::MOST_TOKENS, "default": search::TOKENS, "description": "How long the answer may be, about." },
                }),
            ),
            Some(object(
                &["operations", "more"],
                json!({
                    "operations": {
                        "type": "array",
                        "items": object(&["id", "type", "line", "input"], json!({
                            "id": { "type": "string" },
                            "type": { "type": "string", "enum": ["query", "mutation", "subscription"] },
                            "line": { "type": "string", "description": "What it does." },
                            "input": { "type": "string", "description": "What it needs: `name: type`, separated by commas." },
                        })),
                    },
                    "more": { "type": "boolean", "description": "There are more that fit, for a higher limit or more tokens." },
                }),
            )),
            Some(true),
        ),
        tool(
            "schema",
            "Describe operations",
            "Tells what operations take, give and fail with: as a TypeScript signature each, or as JSON Schema.",
            object(
                &["operationIds"],
                json!({
                    "operationIds": { "type": "array", "minItems": 1, "maxItems": MOST_SCHEMAS, "items": id },
                    "format": { "type": "string", "enum": ["typescript", "json"], "default": "typescript" },
                }),
            ),
            Some(object(
                &["operations", "unknown"],
                json!({
                    "operations": { "type": "array", "items": { "type": "object" } },
                    "unknown": { "type": "array", "items": { "type": "object" } },
                }),
            )),
            Some(true),
        ),
        tool(
            "call",
            "Call an operation",
            "Calls an operation by its id. A subscription is followed for a while, and answers with the items that came; its progress is told meanwhile.",
            object(&["operationId"], collect),
            None,
            None,
        ),
        tool(
            "batch",
            "Call several operations",
            "Calls up to 100 queries and mutations side by side and answers with their results in the order asked. One that fails does not fail the others.",
            object(
                &["calls"],
                json!({
                    "calls": { "type": "array", "minItems": 1, "maxItems": 100, "items": object(&["operationId"], call) },
                }),
            ),
            Some(object(
                &["results"],
                json!({
                    "results": {
                        "type": "array",
                        "description": "One for each call, in the order asked: either `output` or `error`.",
                        "items": object(&["operationId", "requestId"], json!({
                            "operationId": { "type": "string" },
                            "requestId": { "type": "string" },
                            "output": {},
                            "error": { "type": "object" },
                        })),
                    },
                }),
            )),
            None,
        ),
    ]
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}

fn tool(
    name: &'static str,
    title: &str,
    description: &'static str,
    input: Value,
    output: Option<Value>,
    reads: Option<bool>,
) -> Tool {
    let schema = |value: Value| match value {
        Value::Object(map) => Arc::new(map),
        _ => Arc::default(),
    };
    let mut tool = Tool::new(name, description, schema(input));
    tool.title = Some(title.to_owned());
    tool.output_schema = output.map(schema);
    let reads = reads.unwrap_or(false);
    // What `call` does depends on what it calls.
    tool.annotations =
        Some(ToolAnnotations::from_raw(None, Some(reads), Some(!reads), Some(reads), Some(!reads)));
    tool
}
