//! What is kept of a text: all but its secrets. Which these are is said by the schema (`x-secret`, `writeOnly`, the format
//! `password`); where a schema is not the hub's own, names that speak for themselves count too.

use serde_json::{Map, Value};

/// What stands in the place of a secret.
const HIDDEN: &str = "[hidden]";
/// Names, without what separates their words, whose values are secrets whatever their schema says.
const NAMES: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "clientsecret",
    "apikey",
    "apitoken",
    "accesskey",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "bearertoken",
    "authorization",
    "privatekey",
    "credentials",
    "secretkey",
];
/// Words in a schema without which nothing in it is a secret.
const MARKS: [&str; 3] = ["x-secret", "writeOnly", "\"password\""];
/// Most schemas that count for one value.
const MOST: usize = 64;

/// A schema that tells secrets.
pub(super) struct Cutter {
    schema: Value,
    marked: bool,
    /// Names count.
    foreign: bool,
}

impl Cutter {
    /// For values of this schema.
    pub(super) fn new(schema: &str, foreign: bool) -> Self {
        let marked = MARKS.iter().any(|mark| schema.contains(mark));
        let schema = if marked { serde_json::from_str(schema).unwrap_or_default() } else { Value::Null };
        Self { schema, marked, foreign }
    }

    /// Whether nothing is ever cut, so that the value need not be looked at.
    pub(super) fn is_idle(&self) -> bool {
        !self.marked && !self.foreign
    }

    /// Takes secrets out of a value; whether there were any.
    pub(super) fn cut(&self, value: &mut Value) -> bool {
        let mut found = false;
        let schemas = if self.marked { vec![&self.schema] } else { Vec::new() };
        self.walk(value, &schemas, &mut found);
        found
    }

    fn walk(&self, value: &mut Value, schemas: &[&Value], found: &mut bool) {
        let schemas = self.all(schemas);
        if schemas.iter().any(|schema| is_secret(schema)) {
            if !value.is_null() {
                *value = HIDDEN.into();
                *found = true;
            }
            return;
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    if self.foreign && is_telling(name) && !matches!(member, Value::Null | Value::Bool(_)) {
                        *member = HIDDEN.into();
                        *found = true;
                        continue;
                    }
                    let inner: Vec<&Value> =
                        schemas.iter().flat_map(|schema| of_member(schema, name)).take(MOST).collect();
                    if self.foreign || !inner.is_empty() {
                        self.walk(member, &inner, found);
                    }
                }
            }
            Value::Array(items) => {
                let inner: Vec<&Value> =
                    schemas.iter().flat_map(|schema| of_items(schema)).take(MOST).collect();
                if self.foreign || !inner.is_empty() {
                    items.iter_mut().for_each(|item| self.walk(item, &inner, found));
                }
            }
            _ => {}
        }
    }

    /// These schemas and those that they are made of.
    fn all<'a>(&'a self, schemas: &[&'a Value]) -> Vec<&'a Value> {
        let mut all: Vec<&Value> = Vec::new();
        let mut waiting: Vec<&Value> = schemas.to_vec();
        while let Some(schema) = waiting.pop() {
            if all.len() >= MOST || all.iter().any(|known| std::ptr::eq(*known, schema)) {
                continue;
            }
            all.push(schema);
            let referred = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
            waiting.extend(referred.and_then(|pointer| self.schema.pointer(pointer)));
            for word in ["allOf", "anyOf", "oneOf"] {
                waiting.extend(schema.get(word).and_then(Value::as_array).into_iter().flatten());
            }
            waiting.extend(["if", "then", "else"].iter().filter_map(|word| schema.get(*word)));
        }
        all
    }
}

fn is_secret(schema: &Value) -> bool {
    schema.get("x-secret") == Some(&Value::Bool(true))
        || schema.get("writeOnly") == Some(&Value::Bool(true))
        || schema.get("format").and_then(Value::as_str) == Some("password")
}

fn of_member<'a>(schema: &'a Value, name: &str) -> Vec<&'a Value> {
    if let Some(inner) = schema.get("properties").and_then(|properties| properties.get(name)) {
        return vec![inner];
    }
    // Which pattern fits is not looked at: rather one value too few than a secret.
    let patterns = schema.get("patternProperties").and_then(Value::as_object).map(Map::values);
    patterns.into_iter().flatten().chain(schema.get("additionalProperties")).collect()
}

fn of_items(schema: &Value) -> impl Iterator<Item = &Value> {
    let first = schema.get("prefixItems").and_then(Value::as_array);
    first.into_iter().flatten().chain(schema.get("items"))
}

fn is_telling(name: &str) -> bool {
    // Cookies and the like have longer names, and are not inputs.
    if name.len() > 32 {
        return false;
    }
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    NAMES.contains(&&*plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cut(schema: &Value, foreign: bool, mut value: Value) -> Value {
        Cutter::new(&schema.to_string(), foreign).cut(&mut value);
        value
    }

    #[test]
    fn what_a_schema_marks_is_cut_wherever_it_stands() {
        let schema = json!({
            "$defs": { "Auth": { "type": "object", "properties": { "token": { "type": "string", "x-secret": true } } } },
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "list": { "type": "array", "items": { "$ref": "#/$defs/Auth" } },
                "either": { "oneOf": [{ "type": "string" }, { "$ref": "#/$defs/Auth" }] },
                "headers": { "type": "object", "additionalProperties": { "type": "string", "writeOnly": true } },
                "pin": { "type": "string", "format": "password" }
            }
        });
        let value = json!({
            "name": "n", "list": [{ "token": "s", "id": 1 }], "either": { "token": "s" },
            "headers": { "a": "s" }, "pin": "s"
        });
        let kept = json!({
            "name": "n", "list": [{ "token": HIDDEN, "id": 1 }], "either": { "token": HIDDEN },
            "headers": { "a": HIDDEN }, "pin": HIDDEN
        });
        assert_eq!(cut(&schema, false, value), kept);
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        let schema = json!({
            "$ref": "#/$defs/Tree",
            "$defs": { "Tree": { "anyOf": [{ "$ref": "#/$defs/Tree" }], "properties": {
                "secret": { "x-secret": true }, "inner": { "$ref": "#/$defs/Tree" } } } }
        });
        let value = json!({ "inner": { "inner": { "secret": "s", "other": 1 } } });
        assert_eq!(
            cut(&schema, false, value),
            json!({ "inner": { "inner": { "secret": HIDDEN, "other": 1 } } })
        );
    }

    #[test]
    fn names_speak_where_the_schema_is_another_s() {
        let value =
            json!({ "user": "u", "API-Key": "s", "deep": [{ "client_secret": { "a": 1 }, "tokens": 3 }] });
        let kept =
            json!({ "user": "u", "API-Key": HIDDEN, "deep": [{ "client_secret": HIDDEN, "tokens": 3 }] });
        assert_eq!(cut(&json!({}), true, value.clone()), kept);
        assert_eq!(cut(&json!({}), false, value.clone()), value);
        assert!(Cutter::new("{}", false).is_idle());
    }
}
