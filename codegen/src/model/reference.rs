//! Shared types and references to them.

use std::sync::Arc;

use heck::ToUpperCamelCase;

use crate::{
    diagnostic::{Report, Span, codes},
    source::Node,
    suggest,
};

use super::Model;

/// A shared type.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Its name, the same everywhere.
    pub name: String,
    /// Where the name stands.
    pub at: Span,
    /// Its schema.
    pub node: Node,
}

/// Why a reference leads nowhere, and what would be right.
pub struct Dangling {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

pub(super) fn read(model: &mut Model, file: &Node, report: &mut Report) {
    for entry in file.entries() {
        let (name, at) = (&entry.key, &entry.key_at);
        if !is_type_name(name) {
            report
                .error(codes::NAME, at, format!("`{name}` is not the name of a type"))
                .help(type_name_help(name));
            continue;
        }
        if let Some(other) = model.shared.get(name) {
            report
                .error(
                    codes::COLLISION,
                    at,
                    format!("the type `{name}` is declared in {} too", other.at.file),
                )
                .help("a name means one type everywhere: rename one of the two");
            continue;
        }
        let shared = Shared { name: name.clone(), at: at.clone(), node: entry.value.clone() };
        model.shared.insert(name.clone(), shared);
    }
}

fn is_type_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
        && name.len() <= 64
        && name != "Self"
        && name.to_upper_camel_case() == name
}

fn type_name_help(name: &str) -> String {
    match name.to_upper_camel_case() {
        camel if is_type_name(&camel) => format!("write it `{camel}`"),
        _ => "UpperCamelCase of ASCII letters and digits, each word with one capital: `HttpRoute`".to_owned(),
    }
}

impl Model {
    /// What a `$ref` value refers to.
    ///
    /// # Errors
    /// When it leads nowhere.
    pub fn resolve(&self, reference: &Node) -> Result<&Shared, Dangling> {
        let text = reference.as_str().unwrap_or_default();
        let dangling = |message: String, help: String| Err(Dangling { message, help });
        let form = "write `../_shared/file.yaml#/Name`, or `#/Name` within a shared file";
        let Some((file, name)) = text.split_once("#/") else {
            return dangling(format!("`{text}` is not a reference to a shared type"), form.to_owned());
        };
        let from = &reference.at.file;
        let target = if file.is_empty() { Some(from.to_string()) } else { join(from, file) };
        let Some(target) = target else {
            return dangling(format!("`{text}` leads out of the shared types"), form.to_owned());
        };
        match self.shared.get(name) {
            Some(shared) if *shared.at.file == *target => Ok(shared),
            Some(shared) => {
                dangling(format!("`{name}` is not in {target}"), format!("it is in {}", shared.at.file))
            }
            None if name.contains('/') => {
                dangling(format!("`{text}` is not a reference to a shared type"), form.to_owned())
            }
            None => {
                let names: Vec<&str> = self.shared.keys().map(String::as_str).collect();
                dangling(format!("there is no shared type `{name}`"), suggest::help(name, &names))
            }
        }
    }

    /// The type that a schema refers to, if it is a sound reference.
    #[must_use]
    pub fn target(&self, schema: &Node) -> Option<&Shared> {
        self.resolve(schema.get("$ref")?).ok()
    }
}

/// A path relative to a file; `None` if it climbs out of the tree.
fn join(from: &Arc<str>, to: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
