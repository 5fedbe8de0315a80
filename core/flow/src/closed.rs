//! Schemas without references and remarks, as far as types are concerned.

use serde_json::{Map, Value};

/// Deepest nesting that is looked at; what lies deeper is unknown.
const DEPTH: usize = 12;
/// Most nodes and listed values of one closed schema; references that multiply end here, and what is left is unknown.
const NODES: usize = 2_000;
/// Keywords that say what a value is.
const KEPT: &[&str] = &[
    "type",
    "enum",
    "const",
    "format",
    "nullable",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "anyOf",
    "oneOf",
    "allOf",
];

/// The schema with its references inlined and everything left out that says nothing of types. Recursion, and what is too
/// large or cannot be found, becomes `true`: unknown.
#[must_use]
pub fn close(node: &Value, root: &Value) -> Value {
    inline(node, root, 0, &mut NODES.clone())
}

/// What a reference within a document leads to.
#[must_use]
pub fn target<'a>(reference: &str, root: &'a Value) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}

fn inline(node: &Value, root: &Value, depth: usize, left: &mut usize) -> Value {
    let Some(schema) = node.as_object().filter(|_| depth < DEPTH && *left > 0) else {
        return Value::Bool(node != &Value::Bool(false));
    };
    *left -= 1;
    let mut closed = Map::new();
    for keyword in KEPT {
        let Some(value) = schema.get(*keyword) else { continue };
        if let ("enum" | "required", Value::Array(listed)) = (*keyword, value) {
            if listed.len() > *left {
                *left = 0;
                return Value::Bool(true);
            }
            *left -= listed.len();
        }
        let value = match (*keyword, value) {
            ("properties", Value::Object(properties)) => properties
                .iter()
                .map(|(name, property)| (name.clone(), inline(property, root, depth + 1, left)))
                .collect(),
            // Of a tuple it tells only of what comes after the places that are named.
            ("items", _) if schema.contains_key("prefixItems") => continue,
            ("items", items) => inline(items, root, depth + 1, left),
            // What is true of every schema; and names that patterns may allow are not known to be refused.
            ("additionalProperties", Value::Bool(true)) => continue,
            ("additionalProperties", _) if schema.contains_key("patternProperties") => continue,
            ("additionalProperties", others) => inline(others, root, depth + 1, left),
            ("anyOf" | "oneOf" | "allOf", Value::Array(parts)) => {
                parts.iter().map(|part| inline(part, root, depth + 1, left)).collect()
            }
            _ => value.clone(),
        };
        closed.insert((*keyword).to_owned(), value);
    }
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return Value::Object(closed) };
    let referred = target(reference, root).map_or(Value::Bool(true), |to| inline(to, root, depth + 1, left));
    if closed.is_empty() {
        return referred;
    }
    let own = Value::Object(closed);
    Value::Object(Map::from_iter([("allOf".to_owned(), Value::Array(vec![referred, own]))]))
}
