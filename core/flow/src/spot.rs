//! Places within what a closed schema describes.

use serde_json::Value;

use super::fit::{list, says_nothing, types};

/// Most names that a message lists.
const NAMES: usize = 12;

/// What a schema says of a place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Spot<'a> {
    /// It has this schema.
    There(&'a Value),
    /// The schema does not say.
    Unknown,
    /// There can be nothing; the names that there are instead, for people.
    Nowhere(String),
}

/// Follows a JSON Pointer (RFC 6901) into what a closed schema describes (see [`super::close`]).
pub(crate) fn spot<'a>(schema: &'a Value, pointer: &str) -> Spot<'a> {
    let mut spot = Spot::There(schema);
    for part in pointer.split('/').skip(1) {
        let Spot::There(here) = spot else { break };
        spot = within(here, &part.replace("~1", "/").replace("~0", "~"));
    }
    spot
}

/// The property or item of this name.
pub(crate) fn within<'a>(schema: &'a Value, name: &str) -> Spot<'a> {
    if let Some(property) = schema.get("properties").and_then(|all| all.get(name)) {
        return Spot::There(property);
    }
    if let Some(items) = schema.get("items").filter(|_| is_index(name)) {
        return Spot::There(items);
    }
    let own = alone(schema, name);
    let all = list(schema, "allOf").into_iter().flatten().map(|part| within(part, name));
    let all = all.fold(own, |found, part| match (found, part) {
        (Spot::There(found), _) | (_, Spot::There(found)) => Spot::There(found),
        (Spot::Nowhere(why), _) | (_, Spot::Nowhere(why)) => Spot::Nowhere(why),
        _ => Spot::Unknown,
    });
    ["anyOf", "oneOf"].into_iter().filter_map(|keyword| list(schema, keyword)).fold(
        all,
        |found, parts| match (found, any(parts, name)) {
            (Spot::Unknown, other) | (other, Spot::Unknown) => other,
            (Spot::There(found), _) | (_, Spot::There(found)) => Spot::There(found),
            (nowhere, _) => nowhere,
        },
    )
}

/// In one of several: known where just one has it, and where none can.
fn any<'a>(parts: &'a [Value], name: &str) -> Spot<'a> {
    let (mut there, mut nowhere) = (Vec::new(), None::<String>);
    for part in parts {
        match within(part, name) {
            Spot::There(schema) => there.push(schema),
            Spot::Unknown => return Spot::Unknown,
            // The longest: of what may be null, that which says what else it may be.
            Spot::Nowhere(why) if nowhere.as_ref().is_none_or(|held| held.len() < why.len()) => {
                nowhere = Some(why);
            }
            Spot::Nowhere(_) => {}
        }
    }
    match (there.as_slice(), nowhere) {
        ([schema], _) => Spot::There(schema),
        ([], Some(why)) => Spot::Nowhere(why),
        _ => Spot::Unknown,
    }
}

/// What the schema says without its parts.
fn alone<'a>(schema: &'a Value, name: &str) -> Spot<'a> {
    if let Some(kinds) = types(schema)
        && !kinds.iter().any(|kind| kind == "object" || (kind == "array" && is_index(name)))
    {
        return Spot::Nowhere(format!("it is {}", kinds.join(" or ")));
    }
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => Spot::Nowhere(names(schema)),
        Some(others) if !says_nothing(others) => Spot::There(others),
        _ => Spot::Unknown,
    }
}

fn is_index(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn names(schema: &Value) -> String {
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut names: Vec<&str> =
        properties.into_iter().flat_map(|all| all.keys().map(String::as_str)).take(NAMES + 1).collect();
    match names.len() {
        0 => return "there are none".to_owned(),
        count if count > NAMES => names[NAMES] = "...",
        _ => {}
    }
    format!("there is {}", names.join(", "))
}
