//! What of an operation can be found.

use alkhub_core::registry::Entry;
use serde_json::Value;

/// Words of one operation, by the weight of where they stand.
pub(super) struct Document {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) tags: String,
    /// Names of what it takes.
    pub(super) input: String,
    /// Names of what it gives, which every operation on a thing has alike.
    pub(super) output: String,
}

impl Document {
    pub(super) fn new(entry: &Entry) -> Self {
        let properties = |schema: &str| {
            let mut names = Vec::new();
            if let Ok(schema) = serde_json::from_str::<Value>(schema) {
                property_names(&schema, &mut names);
            }
            words(&names.join(" "))
        };
        Self {
            id: words(entry.id()),
            // Where there is none, it is the name.
            title: if entry.title().contains(' ') { entry.title().to_owned() } else { words(entry.title()) },
            description: entry.description().to_owned(),
            tags: entry.tags().collect::<Vec<_>>().join(" "),
            input: properties(entry.input_schema()),
            output: properties(entry.output_schema()),
        }
    }
}

fn property_names(node: &Value, names: &mut Vec<String>) {
    match node {
        Value::Object(map) => {
            if let Some(properties) = map.get("properties").and_then(Value::as_object) {
                names.extend(properties.keys().cloned());
            }
            map.values().for_each(|child| property_names(child, names));
        }
        Value::Array(items) => items.iter().for_each(|child| property_names(child, names)),
        _ => {}
    }
}

/// `createdAt` also as `created at`, so that a person's words meet a programmer's.
fn words(names: &str) -> String {
    let mut text = names.replace(['.', '_', '-', '/'], " ");
    let mut split = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_uppercase() {
            split.push(' ');
        }
        split.extend(letter.to_lowercase());
    }
    text.push(' ');
    text.push_str(&split);
    text
}
