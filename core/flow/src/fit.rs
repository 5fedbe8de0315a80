//! Whether every value of one schema is a value of another, as far as types tell: types, enumerations, formats, properties,
//! items, unions. Bounds (`minLength`, `pattern`) are left to validation, and properties beyond those asked for do no harm.

use serde_json::Value;

use crate::child;

/// Whether values of one schema fit another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// All do.
    Yes,
    /// The schemas do not say.
    Unknown,
    /// Some do not.
    No(Mismatch),
}

/// The first place where values may not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// JSON Pointer (RFC 6901) into the input.
    pub pointer: String,
    /// What is taken, and what is given instead.
    pub message: String,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.pointer.is_empty() {
            return to.write_str(&self.message);
        }
        write!(to, "{}: {}", self.pointer, self.message)
    }
}

/// Compares closed schemas (see [`super::close`]).
#[must_use]
pub fn fit(given: &Value, taken: &Value) -> Fit {
    compare(given, taken, "")
}

fn no(pointer: &str, message: String) -> Fit {
    Fit::No(Mismatch { pointer: pointer.to_owned(), message })
}

fn compare(given: &Value, taken: &Value, at: &str) -> Fit {
    if says_nothing(taken) {
        return Fit::Yes;
    }
    if says_nothing(given) {
        return Fit::Unknown;
    }
    // A union that is given has to fit as a whole, so it is taken apart before one that is taken.
    for keyword in ["anyOf", "oneOf"] {
        if let Some(parts) = list(given, keyword) {
            let rest = without(given, keyword);
            let together = all(parts.iter().map(|part| compare(part, taken, at)));
            return if says_nothing(&rest) { together } else { any([together, compare(&rest, taken, at)]) };
        }
    }
    // What several schemas say of a value together, one of them alone may not say.
    if let Some(parts) = list(given, "allOf") {
        let (mut merged, mut whole) = (without(given, "allOf"), true);
        for part in parts {
            merged = both(merged, part, &mut whole);
        }
        return match compare(&merged, taken, at) {
            Fit::No(_) if !whole => Fit::Unknown,
            found => found,
        };
    }
    for (keyword, every) in [("allOf", true), ("anyOf", false), ("oneOf", false)] {
        if let Some(parts) = list(taken, keyword) {
            let rest = without(taken, keyword);
            let parts = parts.iter().map(|part| compare(given, part, at));
            // One value may fit several parts of `oneOf`, of which none can be told by types.
            let together = if every { all(parts) } else { any(parts) };
            return all([together, compare(given, &rest, at)]);
        }
    }
    plain(given, taken, at)
}

fn plain(given: &Value, taken: &Value, at: &str) -> Fit {
    if let Some(values) = values(taken) {
        let Some(given) = self::values(given) else {
            return no(at, format!("one of {} is taken, and any {} is given", short(&values), named(given)));
        };
        return match given.iter().find(|value| !values.contains(value)) {
            Some(other) => no(at, format!("one of {} is taken, and {other} may be given", short(&values))),
            None => Fit::Yes,
        };
    }
    let wanted = types(taken);
    let mut unknown = false;
    if let Some(wanted) = &wanted {
        let Some(offered) = types(given) else { return Fit::Unknown };
        let fits = |kind: &String| {
            wanted.contains(kind) || (kind == "integer" && wanted.iter().any(|k| k == "number"))
        };
        if let Some(other) = offered.iter().find(|kind| !fits(kind)) {
            return no(at, format!("{} is taken, and {other} may be given", wanted.join(" or ")));
        }
    }
    if let Some(format) = text(taken, "format") {
        match text(given, "format") {
            Some(other) if other != format => {
                return no(at, format!("format {format} is taken, and {other} is given"));
            }
            None => unknown = true,
            _ => {}
        }
    }
    let parts = [properties(given, taken, at), items(given, taken, at)];
    let unknown = unknown.then_some(Fit::Unknown);
    all(parts.into_iter().chain(unknown))
}

fn properties(given: &Value, taken: &Value, at: &str) -> Fit {
    let required = |schema: &Value, name: &str| {
        list(schema, "required").is_some_and(|names| names.iter().any(|held| held == name))
    };
    let mut unknown = false;
    for name in list(taken, "required").into_iter().flatten().filter_map(Value::as_str) {
        let pointer = child(at, name);
        let is_named = given.get("properties").is_some_and(|all| all.get(name).is_some());
        match (is_named, given.get("additionalProperties")) {
            (true, _) if !required(given, name) => {
                return no(&pointer, "is required, and may be absent from what is given".to_owned());
            }
            (true, _) => {}
            (false, Some(Value::Bool(false))) => {
                return no(&pointer, "is required, and nothing gives it".to_owned());
            }
            // An object that names its properties is meant to have these; one that names none may have any.
            (false, None) if given.get("properties").is_some() => {
                return no(&pointer, "is required, and nothing gives it".to_owned());
            }
            (false, _) => unknown = true,
        }
    }
    let wanted = taken.get("properties").and_then(Value::as_object);
    let offered = wanted.into_iter().flatten().filter_map(|(name, property)| {
        let offered = given.get("properties")?.get(name)?;
        Some(compare(offered, property, &child(at, name)))
    });
    all(offered.chain(unknown.then_some(Fit::Unknown)))
}

/// One schema that says what two say together. Of a word that both have in different ways it says what the first does,
/// and is then not the whole of it.
fn both(mut one: Value, other: &Value, whole: &mut bool) -> Value {
    let (Some(words), Some(more)) = (one.as_object_mut(), other.as_object()) else { return one };
    for (word, said) in more {
        match (word.as_str(), words.get_mut(word), said) {
            ("properties", Some(Value::Object(known)), Value::Object(more)) => {
                for (name, property) in more {
                    let known = known.entry(name).or_insert(Value::Bool(true));
                    let before = known.take();
                    *known =
                        if says_nothing(&before) { property.clone() } else { both(before, property, whole) };
                }
            }
            ("required" | "allOf", Some(Value::Array(known)), Value::Array(more)) => {
                known.extend(more.iter().cloned())
            }
            (_, Some(known), said) => *whole &= known == said,
            (_, None, _) => _ = words.insert(word.clone(), said.clone()),
        }
    }
    one
}

fn items(given: &Value, taken: &Value, at: &str) -> Fit {
    let Some(wanted) = taken.get("items") else { return Fit::Yes };
    if types(given).is_some_and(|types| !types.iter().any(|kind| kind == "array")) {
        return Fit::Yes;
    }
    compare(given.get("items").unwrap_or(&Value::Bool(true)), wanted, &format!("{at}/0"))
}

/// `No` before `Unknown` before `Yes`.
fn all(parts: impl IntoIterator<Item = Fit>) -> Fit {
    let mut together = Fit::Yes;
    for part in parts {
        match part {
            Fit::No(_) => return part,
            Fit::Unknown => together = Fit::Unknown,
            Fit::Yes => {}
        }
    }
    together
}

/// `Yes` before `Unknown` before the first `No`.
fn any(parts: impl IntoIterator<Item = Fit>) -> Fit {
    let mut together = None;
    for part in parts {
        match (&part, &together) {
            (Fit::Yes, _) => return part,
            (Fit::Unknown, _) | (_, None) => together = Some(part),
            _ => {}
        }
    }
    together.unwrap_or(Fit::Unknown)
}

/// Whether a schema says nothing of types. Which other properties there may be does not count: they do no harm.
pub(crate) fn says_nothing(schema: &Value) -> bool {
    schema.as_object().is_none_or(|words| words.keys().all(|word| word == "additionalProperties"))
}

pub(crate) fn list<'a>(schema: &'a Value, keyword: &str) -> Option<&'a Vec<Value>> {
    schema.get(keyword).and_then(Value::as_array)
}

fn text<'a>(schema: &'a Value, keyword: &str) -> Option<&'a str> {
    schema.get(keyword).and_then(Value::as_str)
}

fn without(schema: &Value, keyword: &str) -> Value {
    let mut rest = schema.clone();
    if let Some(map) = rest.as_object_mut() {
        map.remove(keyword);
    }
    rest
}

fn values(schema: &Value) -> Option<Vec<&Value>> {
    schema.get("const").map(|value| vec![value]).or_else(|| Some(list(schema, "enum")?.iter().collect()))
}

/// The types that a schema names or that its keywords speak of.
pub(crate) fn types(schema: &Value) -> Option<Vec<String>> {
    let mut types: Vec<String> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind.clone()],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => match values(schema) {
            Some(values) => values.iter().map(|value| kind_of(value).to_owned()).collect(),
            None if schema.get("properties").is_some() => vec!["object".to_owned()],
            None if schema.get("items").is_some() => vec!["array".to_owned()],
            None => return None,
        },
    };
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        types.push("null".to_owned());
    }
    Some(types)
}

pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn named(schema: &Value) -> String {
    types(schema).map_or_else(|| "value".to_owned(), |types| types.join(" or "))
}

fn short(values: &[&Value]) -> String {
    let mut words: Vec<String> = values.iter().take(5).map(ToString::to_string).collect();
    if values.len() > words.len() {
        words.push("...".to_owned());
    }
    words.join(", ")
}
