//! `operations.ts`: the operations' types for clients and spokes in TypeScript.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::Value;

use crate::{
    lower::lower,
    model::{Host, Model, Operation},
};

use super::{HEADER, of_host};

/// Shared types, then one interface of the hub's operations and one of the base spoke's.
pub(super) fn print(model: &Model) -> String {
    let mut out = format!("// {HEADER}*; do not edit.\n");
    let mut shared = BTreeMap::new();
    let mut body = String::new();
    for (name, what, host) in [
        ("HubOperations", "The operations of the hub, by id.", Host::Hub),
        (
            "BaseSpokeOperations",
            "The operations of `alkhub spoke`, by id without the spoke's prefix.",
            Host::Spoke,
        ),
    ] {
        let _ = write!(body, "\n/** {what} */\nexport interface {name} {{\n");
        for op in of_host(model, host) {
            operation(model, op, &mut shared, &mut body);
        }
        body.push_str("}\n");
    }
    for (name, schema) in &shared {
        let text = schema["description"].as_str().unwrap_or(name);
        let _ = write!(out, "\n{}export type {name} = {};\n", comment(text, ""), type_of(schema, 0));
    }
    out + &body
}

fn operation(model: &Model, op: &Operation, shared: &mut BTreeMap<String, Value>, out: &mut String) {
    let (input, output) = (lower(model, &op.input), lower(model, &op.output));
    for schema in [&input, &output] {
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            shared.insert(name.clone(), definition.clone());
        }
    }
    let errors: Vec<_> = op.errors.iter().map(|code| format!("{:?}", code.text)).collect();
    let errors = if errors.is_empty() { "never".to_owned() } else { errors.join(" | ") };
    let _ = write!(
        out,
        "{}  {:?}: {{\n    type: {:?};\n    input: {};\n    output: {};\n    errors: {errors};\n  }};\n",
        comment(&op.description, "  "),
        op.id,
        op.kind.as_str(),
        type_of(&input, 2),
        type_of(&output, 2),
    );
}

fn comment(text: &str, indent: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("*/", "*\\/");
    format!("{indent}/** {line} */\n")
}

/// The type of a schema; `level` is how deep it stands.
fn type_of(schema: &Value, level: usize) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or("unknown").to_owned();
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    if let Some(branches) = schema["oneOf"].as_array() {
        return branches.iter().map(|branch| type_of(branch, level)).collect::<Vec<_>>().join(" | ");
    }
    match &schema["type"] {
        Value::String(kind) => of_kind(kind, schema, level),
        Value::Array(kinds) => {
            let kinds = kinds.iter().filter_map(Value::as_str).map(|kind| of_kind(kind, schema, level));
            kinds.collect::<Vec<_>>().join(" | ")
        }
        _ => "unknown".to_owned(),
    }
}

fn of_kind(kind: &str, schema: &Value, level: usize) -> String {
    match kind {
        "string" | "boolean" | "null" => kind.to_owned(),
        "integer" | "number" => "number".to_owned(),
        "array" => {
            let item = type_of(&schema["items"], level);
            if item.contains(' ') { format!("Array<{item}>") } else { format!("{item}[]") }
        }
        "object" => object(schema, level),
        _ => "unknown".to_owned(),
    }
}

fn object(schema: &Value, level: usize) -> String {
    let indent = "  ".repeat(level + 1);
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
    };
    let properties: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
    let rest = match &schema["additionalProperties"] {
        Value::Bool(false) => None,
        // Named properties of other types must fit as well, so only their absence allows more than `unknown`.
        given @ Value::Object(_) if properties.is_empty() => Some(type_of(given, level + 1)),
        _ => Some("unknown".to_owned()),
    };
    if properties.is_empty() {
        return match rest {
            Some(rest) => format!("Record<string, {rest}>"),
            None => "Record<string, never>".to_owned(),
        };
    }
    let mut out = String::from("{\n");
    for (name, property) in properties {
        if let Some(text) = property["description"].as_str() {
            out.push_str(&comment(text, &indent));
        }
        let mark = if required(name) { "" } else { "?" };
        let _ = writeln!(out, "{indent}{name:?}{mark}: {};", type_of(property, level + 1));
    }
    if rest.is_some() {
        let _ = writeln!(out, "{indent}[key: string]: unknown;");
    }
    let _ = write!(out, "{}}}", "  ".repeat(level));
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::type_of;

    #[test]
    fn each_kind_of_schema() {
        for (schema, expected) in [
            (json!({}), "unknown"),
            (json!({ "type": "integer" }), "number"),
            (json!({ "type": ["string", "null"] }), "string | null"),
            (json!({ "enum": ["a", "b"] }), r#""a" | "b""#),
            (json!({ "type": "array", "items": { "enum": ["a", "b"] } }), r#"Array<"a" | "b">"#),
            (json!({ "type": "array", "items": { "$ref": "#/$defs/Note" } }), "Note[]"),
            (
                json!({ "type": "object", "additionalProperties": { "type": "string" } }),
                "Record<string, string>",
            ),
            (json!({ "type": "object", "additionalProperties": false }), "Record<string, never>"),
            (
                json!({
                    "type": "object", "additionalProperties": false, "required": ["a"],
                    "properties": { "a": { "type": "string" }, "b-c": { "type": "boolean", "description": "A */ b" } },
                }),
                "{\n  \"a\": string;\n  /** A *\\/ b */\n  \"b-c\"?: boolean;\n}",
            ),
        ] {
            assert_eq!(type_of(&schema, 0), expected, "{schema}");
        }
    }
}
