//! Bindings: `{"$from": "steps.fetch", "pointer": "/url"}` stands for a value that is known when a step runs.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::child;

/// Where a binding takes its value from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// The input of the run.
    Input,
    /// The item of `forEach`.
    Item,
    /// The output of a step.
    Step(&'a str),
}

/// One binding as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// Where from; `Err` with the text that says nothing known.
    pub source: Result<Source<'a>, &'a str>,
    /// JSON Pointer into it; empty for all of it.
    pub pointer: &'a str,
    /// What stands for what is not there.
    pub default: Option<&'a Value>,
    /// Keys beside the known ones, or values of a wrong type.
    pub malformed: bool,
}

/// The binding that a value is, if it is one.
pub(super) fn reference(value: &Value) -> Option<Reference<'_>> {
    let map = value.as_object()?;
    let from = map.get("$from")?;
    let known = |key: &String| matches!(key.as_str(), "$from" | "pointer" | "default");
    let pointer = map.get("pointer").map_or(Some(""), Value::as_str);
    let malformed = !map.keys().all(known)
        || !from.is_string()
        || pointer.is_none_or(|pointer| !pointer.is_empty() && !pointer.starts_with('/'));
    let from = from.as_str().unwrap_or_default();
    let source = match from {
        "input" => Ok(Source::Input),
        "item" => Ok(Source::Item),
        other => other.strip_prefix("steps.").map(Source::Step).ok_or(other),
    };
    Some(Reference { source, pointer: pointer.unwrap_or_default(), default: map.get("default"), malformed })
}

/// All bindings within a value, with the JSON Pointer to each.
#[must_use]
pub fn sources<'a>(value: &'a Value, at: &str) -> Vec<(String, Reference<'a>)> {
    if let Some(reference) = reference(value) {
        return vec![(at.to_owned(), reference)];
    }
    match value {
        Value::Object(map) => map.iter().flat_map(|(name, part)| sources(part, &child(at, name))).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(number, part)| sources(part, &format!("{at}/{number}")))
            .collect(),
        _ => Vec::new(),
    }
}

/// What bindings can take from.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Input of the run.
    pub input: &'a Value,
    /// Outputs of the steps that have ended; a step that was left out has none.
    pub steps: &'a HashMap<String, Option<Value>>,
    /// Item of `forEach`.
    pub item: Option<&'a Value>,
}

impl Scope<'_> {
    fn find(&self, reference: &Reference<'_>) -> Option<Value> {
        let whole = match reference.source.ok()? {
            Source::Input => Some(self.input),
            Source::Item => self.item,
            Source::Step(id) => self.steps.get(id)?.as_ref(),
        };
        whole.and_then(|whole| whole.pointer(reference.pointer)).or(reference.default).cloned()
    }
}

/// A value with its bindings replaced. A property whose binding finds nothing is left out; an item of a list, and a value
/// that is a binding as a whole, is then null.
#[must_use]
pub fn value(written: &Value, scope: Scope<'_>) -> Value {
    if let Some(reference) = reference(written) {
        return scope.find(&reference).unwrap_or_default();
    }
    match written {
        Value::Object(map) => {
            let property = |(name, part): (&String, &Value)| match reference(part) {
                Some(reference) => Some((name.clone(), scope.find(&reference)?)),
                None => Some((name.clone(), value(part, scope))),
            };
            Value::Object(map.iter().filter_map(property).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|part| value(part, scope)).collect(),
        plain => plain.clone(),
    }
}

/// Whether a value lets a step run.
#[must_use]
pub fn truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}
