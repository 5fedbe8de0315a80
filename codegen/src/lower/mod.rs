//! Schemas as JSON Schema 2020-12: references made local, integers bounded.

mod canonical;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    model::{Model, SchemaKind, alternatives, kind},
    source::{Data, Node},
};

pub use canonical::canonical;

/// The largest integer that every JSON reader keeps exactly (RFC 7493, section 2.2).
pub const SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// The schema alone, with the shared types that it uses under `$defs`.
#[must_use]
pub fn lower(model: &Model, schema: &Node) -> Value {
    let mut defs = BTreeMap::new();
    let mut value = lower_into(model, schema, &mut defs);
    if let (Some(object), false) = (value.as_object_mut(), defs.is_empty()) {
        object.insert("$defs".to_owned(), Value::Object(defs.into_iter().collect()));
    }
    value
}

/// The schema; shared types that it uses are added to `defs`, with those that they use in turn.
fn lower_into(model: &Model, schema: &Node, defs: &mut BTreeMap<String, Value>) -> Value {
    let mut out = Map::new();
    for entry in schema.entries() {
        let value = &entry.value;
        let lowered = match (entry.key.as_str(), &value.data) {
            ("$ref", _) => match model.resolve(value) {
                Ok(shared) => {
                    if !defs.contains_key(&shared.name) {
                        defs.insert(shared.name.clone(), Value::Null);
                        let lowered = lower_into(model, &shared.node, defs);
                        defs.insert(shared.name.clone(), lowered);
                    }
                    Value::String(format!("#/$defs/{}", shared.name))
                }
                Err(_) => value.to_json(),
            },
            ("items", _) | ("additionalProperties", Data::Map(_)) => lower_into(model, value, defs),
            ("properties", Data::Map(entries)) => Value::Object(
                entries.iter().map(|p| (p.key.clone(), lower_into(model, &p.value, defs))).collect(),
            ),
            ("oneOf", Data::Seq(branches)) => {
                Value::Array(branches.iter().map(|branch| lower_into(model, branch, defs)).collect())
            }
            _ => value.to_json(),
        };
        out.insert(entry.key.clone(), lowered);
    }
    if kind(schema) == SchemaKind::Integer && alternatives(schema).is_none() {
        bound_integer(&mut out);
    }
    Value::Object(out)
}

fn bound_integer(schema: &mut Map<String, Value>) {
    if !schema.contains_key("minimum") && !schema.contains_key("exclusiveMinimum") {
        schema.insert("minimum".to_owned(), json!(-SAFE_INTEGER));
    }
    if !schema.contains_key("maximum") && !schema.contains_key("exclusiveMaximum") {
        schema.insert("maximum".to_owned(), json!(SAFE_INTEGER));
    }
}
