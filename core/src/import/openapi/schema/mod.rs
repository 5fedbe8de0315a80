//! Schemas of a document as JSON Schema 2020-12: what they say is kept, what no validator takes is not.
//!
//! Types that a schema refers to become `$defs` of the operation that needs them. They are converted once a direction, kept as
//! text, and put together for each operation up to its bound.

mod bundle;
mod convert;
mod keyword;
mod shrink;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::document::{Documents, Node};

pub(super) use bundle::Bundle;
pub(crate) use convert::cut;

/// Which way values of a schema go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// To the service. Such schemas judge, and must not refuse what the service takes: where a document is vague, they are wide.
    Request,
    /// From the service. Such schemas inform.
    Response,
}

/// A type that others refer to.
struct Component {
    document: usize,
    pointer: String,
    name: String,
    direction: Direction,
    /// Absent until somebody needs it.
    text: Option<Text>,
}

struct Text {
    json: String,
    refers_to: Vec<usize>,
}

/// The types of one description.
pub(super) struct Schemas<'a> {
    documents: &'a Documents,
    /// Before OpenAPI 3.1, schemas were no JSON Schema.
    is_old: bool,
    components: Vec<Component>,
    places: HashMap<(usize, String, Direction), usize>,
    /// Names that are taken; the two directions never meet in one schema.
    names: HashSet<(Direction, String)>,
    /// Whether patterns compile, by pattern.
    patterns: HashMap<String, bool>,
}

/// A converted schema, and the types that it refers to.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema {
    pub(super) value: Value,
    pub(super) refers_to: Vec<usize>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(documents: &'a Documents, is_old: bool) -> Self {
        Self {
            documents,
            is_old,
            components: Vec::new(),
            places: HashMap::new(),
            names: HashSet::new(),
            patterns: HashMap::new(),
        }
    }

    /// Converts the schema that stands at a place.
    pub(super) fn convert(&mut self, at: Node<'_>, direction: Direction) -> Schema {
        let mut refers_to = Vec::new();
        let value = convert::schema(self, at.document, at.value, direction, 0, &mut refers_to);
        Schema { value, refers_to }
    }

    /// The type that a reference leads to; `None` where it leads nowhere.
    fn component(&mut self, document: usize, reference: &str, direction: Direction) -> Option<usize> {
        let (document, pointer, _) = self.documents.resolve(document, reference).ok()?;
        let key = (document, pointer, direction);
        if let Some(known) = self.places.get(&key) {
            return Some(*known);
        }
        let name = self.name(&key.1, direction);
        self.components.push(Component { document, pointer: key.1.clone(), name, direction, text: None });
        let index = self.components.len() - 1;
        self.places.insert(key, index);
        Some(index)
    }

    /// A name that no other type has, from the last part of a pointer.
    fn name(&mut self, pointer: &str, direction: Direction) -> String {
        let last = pointer.rsplit('/').next().unwrap_or_default();
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
        let mut name: String =
            last.chars().map(|letter| if fits(letter) { letter } else { '_' }).take(80).collect();
        if name.is_empty() {
            "Type".clone_into(&mut name);
        }
        let mut unique = name.clone();
        let mut number = 2;
        while !self.names.insert((direction, unique.clone())) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        unique
    }

    fn text(&mut self, index: usize) -> (&str, &[usize]) {
        if self.components[index].text.is_none() {
            let Component { document, pointer, direction, .. } = &self.components[index];
            let (document, direction) = (*document, *direction);
            let fragment = super::serialise::encode_fragment(pointer);
            // It was there when the reference was followed.
            let schema = match self.documents.resolve(document, &format!("#{fragment}")) {
                Ok((_, _, node)) => self.convert(node, direction),
                Err(_) => Schema::default(),
            };
            let json = if schema.value.is_null() { "{}".to_owned() } else { schema.value.to_string() };
            self.components[index].text = Some(Text { json, refers_to: schema.refers_to });
        }
        match &self.components[index].text {
            Some(text) => (&text.json, &text.refers_to),
            None => ("{}", &[]),
        }
    }

    /// Whether the validator takes a pattern.
    fn compiles(&mut self, pattern: &str) -> bool {
        if let Some(known) = self.patterns.get(pattern) {
            return *known;
        }
        let schema = serde_json::json!({ "pattern": pattern });
        let compiles =
            pattern.len() <= 1000 && crate::validate::InputValidator::compile_foreign(schema).is_ok();
        self.patterns.insert(pattern.to_owned(), compiles);
        compiles
    }
}

#[cfg(test)]
mod tests;
