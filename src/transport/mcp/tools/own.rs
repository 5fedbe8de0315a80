//! Operations that are tools of their own.

use std::sync::Arc;

use alkhub_core::{Kind, McpMode, registry::Entry};
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Own;

/// Longest name that all makers of models take.
const LONGEST: usize = 64;

/// The name of an operation's own tool. Models take letters, digits, `_` and `-` alone; what is too long ends in a part
/// of its hash.
#[must_use]
pub fn tool_name(id: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let mut name: String = id.chars().map(|letter| if fits(letter) { letter } else { '_' }).collect();
    if name.len() > LONGEST {
        let hash = Sha256::digest(id);
        let end: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        name.truncate(LONGEST - end.len() - 1);
        name = format!("{name}_{end}");
    }
    name
}

/// The tools among these, by name. Of two that come to the same name, the later has a number behind it.
pub(super) fn named(entries: Vec<Arc<Entry>>) -> Own {
    let mut own: Own = Vec::new();
    for entry in entries.into_iter().filter(|entry| entry.mcp() == McpMode::Tool) {
        let plain = tool_name(entry.id());
        let mut name = plain.clone();
        let mut number = 1;
        let mut at = own.binary_search_by(|(held, _)| (**held).cmp(&name));
        while at.is_ok() {
            number += 1;
            let end = format!("_{number}");
            name = format!("{}{end}", &plain[..plain.len().min(LONGEST - end.len())]);
            at = own.binary_search_by(|(held, _)| (**held).cmp(&name));
        }
        if let Err(at) = at {
            own.insert(at, (name.into(), entry));
        }
    }
    own
}

pub(super) fn tool(name: &str, entry: &Entry) -> Tool {
    let mut input = object(entry.input_schema()).unwrap_or_default();
    input.entry("type").or_insert_with(|| "object".into());
    let mut tool =
        Tool::new_with_raw(name.to_owned(), Some(entry.description().to_owned().into()), Arc::new(input));
    tool.title = Some(entry.title().to_owned());
    tool.output_schema = match entry.kind() {
        Kind::Subscription => Some(Arc::new(collected(entry.output_schema()))),
        _ => object(entry.output_schema())
            .filter(|schema| schema.get("type") == Some(&"object".into()))
            .map(Arc::new),
    };
    // As in the generated mcp.json.
    let reads = entry.kind() != Kind::Mutation;
    let again = reads || entry.deletes() || entry.is_idempotent();
    tool.annotations =
        Some(ToolAnnotations::from_raw(None, Some(reads), Some(entry.deletes()), Some(again), None));
    tool
}

/// A schema whose root says itself what it is: clients do not look behind a `$ref` there.
fn object(schema: &str) -> Option<Map<String, Value>> {
    let Ok(Value::Object(mut schema)) = serde_json::from_str(schema) else { return None };
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|reference| {
        let name = reference.strip_prefix("#/$defs/")?;
        schema.get("$defs")?.get(name)?.as_object().cloned()
    });
    if let Some(target) = target {
        schema.remove("$ref");
        for (key, value) in target {
            schema.entry(key).or_insert(value);
        }
    }
    Some(schema)
}

/// What collecting the items of a subscription answers with.
fn collected(item: &str) -> Map<String, Value> {
    let mut item: Value = serde_json::from_str(item).unwrap_or_else(|_| json!({}));
    let shared = item.as_object_mut().and_then(|item| item.remove("$defs"));
    let mut schema = json!({
        "type": "object",
        "required": ["items", "ended"],
        "properties": {
            "items": { "type": "array", "items": item },
            "ended": { "type": "string", "description": "Why no more were collected: `completed`, `items`, `bytes`, `time` or `failed`." },
            "error": { "type": "object" },
        },
    });
    if let Some(shared) = shared {
        schema["$defs"] = shared;
    }
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_models_take() {
        assert_eq!(tool_name("project.create"), "project_create");
        assert_eq!(tool_name("dev-1.fs.read"), "dev-1_fs_read");
        let long = format!("{}.x", "a".repeat(100));
        let other = format!("{}.y", "a".repeat(100));
        assert_eq!(tool_name(&long).len(), LONGEST);
        assert_ne!(tool_name(&long), tool_name(&other));
    }

    #[test]
    fn the_root_of_a_schema_says_what_it_is() {
        let schema = object(r##"{"$defs":{"A":{"type":"object","properties":{}}},"$ref":"#/$defs/A"}"##)
            .expect("a schema");
        assert_eq!(schema["type"], "object");
        assert!(!schema.contains_key("$ref") && schema.contains_key("$defs"));
        let schema = collected(r##"{"$defs":{"A":{"type":"string"}},"$ref":"#/$defs/A"}"##);
        assert_eq!(schema["$defs"]["A"]["type"], "string");
        assert_eq!(schema["properties"]["items"]["items"]["$ref"], "#/$defs/A");
    }
}
