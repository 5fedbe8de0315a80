//! One schema, keyword by keyword.

use serde_json::{Map, Value, json};

use super::{Direction, Schemas, keyword};

/// Deepest nesting of JSON in a converted schema: what is deeper is left open. Registered operations have a bound.
const DEEPEST: usize = 20;
/// Most characters of a description.
const LONGEST_TEXT: usize = 1000;
/// Most bytes of a default or an example.
const LARGEST_VALUE: usize = 256;

/// Converts a schema; `refers_to` gets the types that it needs.
pub(super) fn schema(
    schemas: &mut Schemas<'_>,
    document: usize,
    from: &Value,
    direction: Direction,
    depth: usize,
    refers_to: &mut Vec<usize>,
) -> Value {
    let mut walk = Walk { schemas, document, direction, refers_to, cuts: 0 };
    walk.schema(from, depth)
}

struct Walk<'w, 'a> {
    schemas: &'w mut Schemas<'a>,
    document: usize,
    direction: Direction,
    refers_to: &'w mut Vec<usize>,
    /// How many schemas were left open because they stand too deep.
    cuts: usize,
}

impl Walk<'_, '_> {
    fn schema(&mut self, from: &Value, depth: usize) -> Value {
        let from = match from {
            Value::Object(from) => from,
            Value::Bool(_) if !self.schemas.is_old => return from.clone(),
            _ => return json!({}),
        };
        if depth > DEEPEST {
            self.cuts += 1;
            return json!({});
        }
        let mut into = Map::new();
        if let Some(reference) = from.get("$ref").and_then(Value::as_str) {
            if let Some(component) = self.schemas.component(self.document, reference, self.direction) {
                self.refers_to.push(component);
                let name = &self.schemas.components[component].name;
                into.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
            }
            if self.schemas.is_old {
                return into.into();
            }
        }
        for (name, value) in from {
            self.keyword(name, value, from, depth, &mut into);
        }
        self.discriminator(from, &mut into);
        if self.direction == Direction::Request {
            widen(&mut into);
        }
        trim_required(from, self.direction, &mut into);
        if self.schemas.is_old {
            keyword::old_bounds(from, &mut into);
            if from.get("nullable") == Some(&Value::Bool(true)) {
                return keyword::nullable(into);
            }
        }
        into.into()
    }

    fn keyword(
        &mut self,
        name: &str,
        value: &Value,
        from: &Map<String, Value>,
        depth: usize,
        into: &mut Map<String, Value>,
    ) {
        let converted = match name {
            "items" if value.is_array() => {
                // A tuple, as drafts before 2020-12 wrote it.
                into.insert("prefixItems".to_owned(), self.list(value, depth));
                return;
            }
            "items" | "additionalProperties" => Some(match value {
                Value::Bool(_) => value.clone(),
                _ => self.schema(value, depth + 1),
            }),
            "contains" | "propertyNames" => Some(self.schema(value, depth + 1)),
            "not" | "if" | "then" | "else" => self.whole(value, depth),
            "unevaluatedProperties" | "unevaluatedItems" if self.direction == Direction::Response => {
                Some(match value {
                    Value::Bool(_) => value.clone(),
                    _ => self.schema(value, depth + 1),
                })
            }
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => Some(value)
                .filter(|list| list.as_array().is_some_and(|list| !list.is_empty()))
                .map(|list| self.list(list, depth)),
            "properties" | "dependentSchemas" => value.as_object().map(|members| {
                let members = members.iter();
                members
                    .map(|(name, value)| (name.clone(), self.schema(value, depth + 2)))
                    .collect::<Map<_, _>>()
                    .into()
            }),
            "patternProperties" => value.as_object().map(|members| {
                let mut kept = Map::new();
                for (pattern, value) in members {
                    if self.schemas.compiles(pattern) {
                        kept.insert(pattern.clone(), self.schema(value, depth + 2));
                    }
                }
                kept.into()
            }),
            "pattern" => {
                let compiles = value.as_str().is_some_and(|pattern| self.schemas.compiles(pattern));
                compiles.then(|| value.clone())
            }
            "title" => value.as_str().map(|text| cut(text, 200).into()),
            "description" => {
                value.as_str().filter(|text| !text.is_empty()).map(|text| cut(text, LONGEST_TEXT).into())
            }
            "default" => small(value),
            "example" if self.direction == Direction::Request && !from.contains_key("examples") => {
                if let Some(example) = small(value) {
                    into.insert("examples".to_owned(), json!([example]));
                }
                return;
            }
            "examples" if self.direction == Direction::Request => {
                let examples: Vec<Value> =
                    value.as_array().into_iter().flatten().filter_map(small).take(3).collect();
                (!examples.is_empty()).then(|| examples.into())
            }
            "format" => {
                if value == "byte" {
                    into.insert("contentEncoding".to_owned(), "base64".into());
                }
                value.as_str().filter(|format| !matches!(*format, "byte" | "binary")).map(Into::into)
            }
            "type" => keyword::types(value),
            _ => keyword::scalar(name, value),
        };
        if let Some(converted) = converted {
            into.insert(name.to_owned(), converted);
        }
    }

    fn list(&mut self, list: &Value, depth: usize) -> Value {
        list.as_array().into_iter().flatten().map(|value| self.schema(value, depth + 2)).collect()
    }

    /// A schema that turns a judgement round. Types are left open where an operation would grow too large, and then it would
    /// refuse what is right; so one that refers to types is left out.
    fn whole(&mut self, value: &Value, depth: usize) -> Option<Value> {
        let before = self.refers_to.len();
        let cuts = self.cuts;
        let converted = self.schema(value, depth + 1);
        let is_whole =
            self.refers_to.len() == before && self.cuts == cuts || self.direction == Direction::Response;
        self.refers_to.truncate(if is_whole { self.refers_to.len() } else { before });
        is_whole.then_some(converted)
    }

    /// Which form is meant, in words: validators know no discriminators.
    fn discriminator(&mut self, from: &Map<String, Value>, into: &mut Map<String, Value>) {
        let name = match from.get("discriminator") {
            Some(Value::String(name)) => name,
            Some(Value::Object(members)) => match members.get("propertyName").and_then(Value::as_str) {
                Some(name) => name,
                None => return,
            },
            _ => return,
        };
        let mapping = from["discriminator"].get("mapping").and_then(Value::as_object);
        let values: Vec<&str> =
            mapping.into_iter().flatten().map(|(value, _)| value.as_str()).take(20).collect();
        let mut sentence = format!("Its form is told by `{name}`");
        if !values.is_empty() {
            sentence = format!("{sentence}: {}", values.join(", "));
        }
        let description = match into.get("description").and_then(Value::as_str) {
            Some(text) => format!("{text} {sentence}."),
            None => format!("{sentence}."),
        };
        into.insert("description".to_owned(), cut(&description, LONGEST_TEXT).into());
    }
}

/// `oneOf` refuses what fits two forms, and documents seldom mean that: their forms overlap, and a form that is left open fits all.
fn widen(into: &mut Map<String, Value>) {
    if let Some(forms) = into.remove("oneOf") {
        match into.get_mut("anyOf") {
            None => {
                into.insert("anyOf".to_owned(), forms);
            }
            Some(_) => {
                let both = json!({ "anyOf": forms });
                if let Some(all) = into.entry("allOf").or_insert_with(|| json!([])).as_array_mut() {
                    all.push(both);
                }
            }
        }
    }
}

/// Nobody has to send what only the service writes, nor to expect what only the caller writes.
fn trim_required(from: &Map<String, Value>, direction: Direction, into: &mut Map<String, Value>) {
    let Some(properties) = from.get("properties").and_then(Value::as_object) else { return };
    let mark = if direction == Direction::Request { "readOnly" } else { "writeOnly" };
    let is_marked = |name: &Value| {
        let property = name.as_str().and_then(|name| properties.get(name));
        property.and_then(|property| property.get(mark)) == Some(&Value::Bool(true))
    };
    if let Some(required) = into.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !is_marked(name));
        if required.is_empty() {
            into.remove("required");
        }
    }
}

fn small(value: &Value) -> Option<Value> {
    (value.to_string().len() <= LARGEST_VALUE).then(|| value.clone())
}

/// The first characters of a text.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
