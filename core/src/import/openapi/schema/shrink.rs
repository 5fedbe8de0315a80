//! Making a schema that is too large smaller: first what only people read goes, then what is deep.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// Keywords that hold values and not schemas.
const VALUES: [&str; 4] = ["enum", "const", "default", "examples"];

/// Brings a schema under a bound, if it is over it; says whether anything was taken from it.
pub(super) fn to(schema: &mut Value, limit: usize) -> bool {
    if schema.to_string().len() <= limit {
        return false;
    }
    bare(schema);
    for depth in (1..=6).rev() {
        if schema.to_string().len() <= limit {
            return true;
        }
        flatten(schema, depth);
    }
    if schema.to_string().len() > limit {
        *schema = match schema.get("type") {
            Some(kind) => json!({ "type": kind }),
            None => json!({}),
        };
    }
    true
}

fn bare(schema: &mut Value) {
    each(schema, &mut |schema| {
        // Of a judgement that is turned round, nothing may be left open.
        for name in ["title", "examples", "description", "not", "if", "then", "else"] {
            schema.remove(name);
        }
    });
}

/// Leaves schemas open that are more than so many levels below.
fn flatten(schema: &mut Value, depth: usize) {
    if depth == 0 {
        *schema = json!({});
        return;
    }
    children(schema, &mut |child| flatten(child, depth - 1));
}

fn each(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    if let Some(members) = schema.as_object_mut() {
        change(members);
    }
    children(schema, &mut |child| each(child, change));
}

/// Schemas that stand directly in a schema.
fn children(schema: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    let Some(members) = schema.as_object_mut() else { return };
    for (name, value) in members {
        match (name.as_str(), value) {
            (name, _) if VALUES.contains(&name) => {}
            ("properties" | "patternProperties" | "dependentSchemas", Value::Object(schemas)) => {
                schemas.values_mut().for_each(&mut *visit);
            }
            (_, Value::Array(schemas)) => {
                schemas.iter_mut().filter(|one| one.is_object()).for_each(&mut *visit)
            }
            (_, value @ Value::Object(_)) => visit(value),
            _ => {}
        }
    }
}

/// Names of the types that a schema refers to.
pub(super) fn references(schema: &Value) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut schema = schema.clone();
    each(&mut schema, &mut |members| {
        if let Some(name) =
            members.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix("#/$defs/"))
        {
            found.insert(name.to_owned());
        }
    });
    found
}
