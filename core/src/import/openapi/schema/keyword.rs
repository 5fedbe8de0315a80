//! Keywords that hold no schemas: kept where their values are what validators take.

use serde_json::{Map, Value, json};

const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
/// Most values of an enumeration.
const MOST_VALUES: usize = 1000;

/// `type`, of those types that there are. Swagger's `file` is text in base64.
pub(super) fn types(value: &Value) -> Option<Value> {
    match value {
        Value::String(name) if TYPES.contains(&name.as_str()) => Some(value.clone()),
        Value::String(name) if name == "file" => Some("string".into()),
        Value::Array(names) => {
            let mut known: Vec<&str> = Vec::new();
            for name in names.iter().filter_map(Value::as_str) {
                if !TYPES.contains(&name) {
                    return None;
                }
                if !known.contains(&name) {
                    known.push(name);
                }
            }
            (!known.is_empty()).then(|| known.into())
        }
        _ => None,
    }
}

/// A keyword of numbers, texts and flags; `None` for those that say nothing to a validator or a reader.
pub(super) fn scalar(name: &str, value: &Value) -> Option<Value> {
    match name {
        "enum" => {
            let mut values: Vec<&Value> = Vec::new();
            for value in value.as_array()? {
                if !values.contains(&value) && values.len() <= MOST_VALUES {
                    values.push(value);
                }
            }
            (1..=MOST_VALUES).contains(&values.len()).then(|| json!(values))
        }
        "const" => Some(value.clone()),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
            value.is_number().then(|| value.clone())
        }
        "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0).then(|| value.clone()),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
        | "minContains" | "maxContains" => count(value),
        "uniqueItems" | "readOnly" | "writeOnly" | "deprecated" => {
            (value == &Value::Bool(true)).then(|| value.clone())
        }
        "required" => names(value).filter(|names| !names.is_empty()).map(Into::into),
        "dependentRequired" => {
            let members = value.as_object()?;
            let members = members.iter().map(|(name, value)| Some((name.clone(), names(value)?.into())));
            members.collect::<Option<Map<_, _>>>().map(Into::into)
        }
        "contentEncoding" | "contentMediaType" => value.is_string().then(|| value.clone()),
        _ => None,
    }
}

/// A whole number, however it is written.
fn count(value: &Value) -> Option<Value> {
    if value.is_u64() {
        return Some(value.clone());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "integral and within 2^53")]
    let whole = value
        .as_f64()
        .filter(|number| number.fract() == 0.0 && (0.0..9e15).contains(number))
        .map(|number| number as u64);
    whole.map(Into::into)
}

fn names(value: &Value) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for name in value.as_array()? {
        let name = name.as_str()?;
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Some(names)
}

/// `exclusiveMinimum: true` made `minimum` exclusive.
pub(super) fn old_bounds(from: &Map<String, Value>, into: &mut Map<String, Value>) {
    for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if from.get(flag) == Some(&Value::Bool(true))
            && let Some(value) = into.remove(bound)
        {
            into.insert(flag.to_owned(), value);
        }
    }
}

/// `nullable: true`, said in types.
pub(super) fn nullable(mut schema: Map<String, Value>) -> Value {
    const JUDGES: [&str; 6] = ["allOf", "anyOf", "oneOf", "$ref", "const", "not"];
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut)
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    if JUDGES.iter().any(|keyword| schema.contains_key(*keyword)) {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    }
    if let Some(Value::String(name)) = schema.get("type") {
        let both = json!([name, "null"]);
        schema.insert("type".to_owned(), both);
    }
    schema.into()
}
