//! `schema`: several operations at once, as TypeScript or as JSON Schema.

use alkhub_core::CallError;
use rmcp::model::CallToolResult;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Asked, Tools, hub, read, result, typescript};

/// Operations that one call describes.
pub(super) const MOST_SCHEMAS: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    operation_ids: Vec<String>,
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Typescript,
    Json,
}

pub(super) async fn run(tools: &Tools, asked: Asked<'_>) -> Result<CallToolResult, CallError> {
    let arguments: Arguments = read(asked.arguments)?;
    let count = arguments.operation_ids.len();
    if count == 0 || count > MOST_SCHEMAS {
        let message = format!("must have 1 to {MOST_SCHEMAS} items; it has {count}");
        return Err(CallError::fault("/operationIds", message));
    }
    let (mut text, mut described, mut unknown) = (String::new(), Vec::new(), Vec::new());
    for id in &arguments.operation_ids {
        let described_one = match tools.reach(id, &asked.cx.caller) {
            Ok(_) => hub(tools, asked.cx, Uuid::now_v7(), "hub.schema", json!({ "operationId": id })).await,
            Err(error) => Err(error),
        };
        let spec = match described_one {
            Ok(spec) => spec,
            // Too many calls, for example, is no word about this operation.
            Err(error) if error.code != alkhub_core::error::codes::OPERATION_NOT_FOUND => return Err(error),
            Err(error) => {
                text.push_str(&format!("// {}\n\n", error.message));
                let mut told = json!({ "id": id, "message": error.message });
                if let Some(near) = error.details.as_ref().and_then(|details| details.get("suggestion")) {
                    told["suggestion"] = near.clone();
                }
                unknown.push(told);
                continue;
            }
        };
        let (one, value) = match arguments.format {
            Format::Typescript => {
                let signature = typescript::signature(&spec);
                let value = json!({ "id": spec["id"], "type": spec["type"], "typescript": signature });
                (signature, value)
            }
            Format::Json => (spec.to_string(), spec),
        };
        text.push_str(&one);
        text.push_str("\n\n");
        described.push(value);
    }
    let text = text.trim_end().to_owned();
    let mut result = result::told(text, json!({ "operations": described, "unknown": unknown }));
    result.is_error = Some(described_none(&result.structured_content));
    Ok(result)
}

/// All ids were unknown.
fn described_none(value: &Option<Value>) -> bool {
    value.as_ref().is_some_and(|value| value["operations"].as_array().is_some_and(Vec::is_empty))
}
