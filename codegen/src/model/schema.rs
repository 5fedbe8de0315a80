//! Schemas as nodes: what kind they are, and walking them.

use crate::source::{Data, Node};

use super::Model;

/// What a schema describes, told by its keywords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaKind {
    /// Any JSON.
    Any,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
    /// A shared type.
    Reference,
    /// A tagged union.
    Union,
}

impl SchemaKind {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any JSON",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
            Self::Reference => "reference",
            Self::Union => "oneOf",
        }
    }

    /// Whether it fits into one path segment or query parameter.
    #[must_use]
    pub const fn is_scalar(self) -> bool {
        matches!(self, Self::String | Self::Integer | Self::Number | Self::Boolean)
    }
}

/// The kind of a schema.
#[must_use]
pub fn kind(schema: &Node) -> SchemaKind {
    if schema.get("$ref").is_some() {
        return SchemaKind::Reference;
    }
    let word = schema.get("type").and_then(|node| match &node.data {
        Data::Seq(items) => items.first().and_then(Node::as_str),
        _ => node.as_str(),
    });
    match word {
        Some("string") => SchemaKind::String,
        Some("integer") => SchemaKind::Integer,
        Some("number") => SchemaKind::Number,
        Some("boolean") => SchemaKind::Boolean,
        Some("array") => SchemaKind::Array,
        Some("object") => SchemaKind::Object,
        _ if schema.get("oneOf").is_some() => SchemaKind::Union,
        _ => SchemaKind::Any,
    }
}

/// Whether the schema allows `null` beside its type.
#[must_use]
pub fn nullable(schema: &Node) -> bool {
    schema.get("type").is_some_and(|node| node.items().len() > 1)
}

/// The values of `enum` or `const`.
#[must_use]
pub fn alternatives(schema: &Node) -> Option<Vec<&Node>> {
    if let Some(constant) = schema.get("const") {
        return Some(vec![constant]);
    }
    schema.get("enum").map(|values| values.items().iter().collect())
}

/// Whether the schema becomes a Rust type of its own rather than an alias of a builtin.
#[must_use]
pub fn is_named(schema: &Node) -> bool {
    if nullable(schema) {
        return false;
    }
    match kind(schema) {
        SchemaKind::Union => true,
        SchemaKind::String => alternatives(schema).is_some(),
        SchemaKind::Object => {
            let has_properties = schema.get("properties").is_some_and(|p| !p.entries().is_empty());
            let closed =
                matches!(schema.get("additionalProperties").map(|n| &n.data), Some(Data::Bool(false)));
            has_properties || closed
        }
        _ => false,
    }
}

/// Visits the schema and every schema in it; references are not followed.
pub fn walk<'a>(schema: &'a Node, visit: &mut dyn FnMut(&'a Node)) {
    visit(schema);
    for key in ["items", "additionalProperties"] {
        if let Some(inner @ Node { data: Data::Map(_), .. }) = schema.get(key) {
            walk(inner, visit);
        }
    }
    for property in schema.get("properties").map(Node::entries).unwrap_or_default() {
        walk(&property.value, visit);
    }
    for branch in schema.get("oneOf").map(Node::items).unwrap_or_default() {
        walk(branch, visit);
    }
}

impl Model {
    /// The schema with references followed to what they mean.
    #[must_use]
    pub fn follow<'a>(&'a self, schema: &'a Node) -> &'a Node {
        let mut current = schema;
        // Cycles are refused elsewhere; here they only must not hang.
        for _ in 0..64 {
            match self.target(current) {
                Some(shared) => current = &shared.node,
                None => break,
            }
        }
        current
    }
}
