//! Filling in what an output schema has a default for. What is there stays as it is, also where it is of the wrong type
//! (upstream reference section 3.3).

use serde_json::{Map, Value};

/// Schemas are checked for their depth when they are registered; this bounds what refers to itself.
const DEEPEST: usize = 32;

/// Adds the defaults of properties that are absent.
pub(super) fn fill(value: &mut Map<String, Value>, schema: &Value) {
    object(value, schema, DEEPEST);
}

fn object(value: &mut Map<String, Value>, schema: &Value, depth: usize) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, schema) in properties {
        match (value.get_mut(name), schema.get("default")) {
            (Some(inner), _) => any(inner, schema, depth),
            (None, Some(default)) => {
                value.insert(name.clone(), default.clone());
            }
            (None, None) => {}
        }
    }
}

fn any(value: &mut Value, schema: &Value, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Object(fields) => object(fields, schema, depth),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    any(item, schema, depth);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_filled_in_and_nothing_else_changes() {
        let schema = json!({ "type": "object", "properties": {
            "name": { "type": "string" },
            "count": { "type": "number", "default": 0 },
            "list": { "type": "array", "items": { "properties": { "on": { "default": true } } } },
        } });
        for (given, expected) in [
            (json!({ "name": "test" }), json!({ "name": "test", "count": 0 })),
            (json!({ "name": 1, "count": "x", "more": [] }), json!({ "name": 1, "count": "x", "more": [] })),
            (json!({ "count": 1, "list": [{}, 2] }), json!({ "count": 1, "list": [{ "on": true }, 2] })),
        ] {
            let Value::Object(mut value) = given else { panic!("an object") };
            fill(&mut value, &schema);
            assert_eq!(Value::Object(value), expected);
        }
    }
}
