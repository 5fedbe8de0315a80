//! The shape of a schema: what its Rust type depends on, without the bounds that a validator enforces.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToUpperCamelCase;
use serde_json::{Map, Value, json};

use crate::{
    diagnostic::{Report, Span, codes},
    model::{Model, SchemaKind, alternatives, is_named, kind, nullable},
    source::{Data, Node},
};

use super::marks::{self, Mark};

/// What is known of the types beside their shapes.
#[derive(Debug, Default)]
pub(super) struct Described {
    /// Description of each type, by name.
    pub(super) types: BTreeMap<String, String>,
    /// Shared types that are referred to.
    pub(super) references: BTreeSet<String>,
    /// Path of the module that holds the generated code.
    pub(super) root: String,
}

/// Makes shapes and names the types in them.
pub(super) struct Shaper<'a> {
    model: &'a Model,
    report: &'a mut Report,
    names: BTreeMap<String, Span>,
    described: Described,
}

impl<'a> Shaper<'a> {
    pub(super) fn new(model: &'a Model, root: &str, report: &'a mut Report) -> Self {
        let described = Described { root: root.to_owned(), ..Described::default() };
        Self { model, report, names: BTreeMap::new(), described }
    }

    pub(super) fn finish(self) -> Described {
        self.described
    }

    /// Notes that a name is in use, or that it is in use twice.
    pub(super) fn claim(&mut self, name: &str, at: &Span) {
        if let Some(other) = self.names.insert(name.to_owned(), at.clone()) {
            self.report
                .error(
                    codes::COLLISION,
                    at,
                    format!("this becomes the Rust type `{name}`, and so does another schema"),
                )
                .help(format!("rename a property, here or at line {}", other.line));
        }
    }

    /// The shape of a type of this name.
    pub(super) fn root(&mut self, name: &str, schema: &Node) -> Value {
        if !is_named(schema) {
            self.claim(name, &schema.at);
            let text = schema.text("description").unwrap_or_default();
            self.described.types.insert(name.to_owned(), text.to_owned());
        }
        self.shape(name, schema)
    }

    fn shape(&mut self, name: &str, schema: &Node) -> Value {
        let nullable = nullable(schema);
        match kind(schema) {
            SchemaKind::Any => Value::Bool(true),
            SchemaKind::Reference => self.reference(name, schema),
            SchemaKind::Boolean => typed("boolean", nullable),
            SchemaKind::Integer => typed("integer", nullable),
            SchemaKind::Number => typed("number", nullable),
            SchemaKind::String => self.string(name, schema, nullable),
            SchemaKind::Array => {
                let mut shape = typed("array", nullable);
                if let Some(items) = schema.get("items") {
                    shape["items"] = self.shape(&format!("{name}Item"), items);
                }
                shape
            }
            SchemaKind::Object => self.object(name, schema, nullable),
            SchemaKind::Union => self.union(name, schema),
        }
    }

    /// A reference to a type of its own stays one; an alias is written out.
    fn reference(&mut self, name: &str, schema: &Node) -> Value {
        let Some(shared) = self.model.target(schema) else { return Value::Bool(true) };
        if !is_named(&shared.node) {
            return self.shape(name, &shared.node);
        }
        self.described.references.insert(shared.name.clone());
        json!({ "$ref": format!("#/definitions/{}", shared.name) })
    }

    fn string(&mut self, name: &str, schema: &Node, nullable: bool) -> Value {
        let mut shape = typed("string", nullable);
        if let Some(values) = alternatives(schema) {
            self.named(name, schema, &mut shape);
            shape["enum"] = values.into_iter().map(Node::to_json).collect();
        }
        shape
    }

    fn object(&mut self, name: &str, schema: &Node, nullable: bool) -> Value {
        let mut shape = typed("object", nullable);
        let properties = schema.get("properties").map(Node::entries).unwrap_or_default();
        let additional = schema.get("additionalProperties");
        if properties.is_empty() {
            match additional.map(|node| &node.data) {
                Some(Data::Bool(false)) => {
                    self.named(name, schema, &mut shape);
                    shape["additionalProperties"] = Value::Bool(false);
                }
                Some(Data::Map(_)) => {
                    let value = additional.map(|node| self.shape(&format!("{name}Value"), node));
                    shape["additionalProperties"] = value.unwrap_or(Value::Bool(true));
                }
                _ => {}
            }
            return shape;
        }
        self.named(name, schema, &mut shape);
        self.properties(name, schema, None, &mut shape);
        match additional.map(|node| &node.data) {
            // Permissive, but as a schema: typify keeps the rest in a field `extra`.
            Some(Data::Bool(true)) => shape["additionalProperties"] = json!({}),
            Some(Data::Map(_)) => {
                let value = additional.map(|node| self.shape(&format!("{name}Extra"), node));
                shape["additionalProperties"] =
                    value.filter(|value| !value.is_boolean()).unwrap_or_else(|| json!({}));
            }
            _ => {}
        }
        shape
    }

    fn properties(&mut self, name: &str, schema: &Node, skip: Option<&str>, shape: &mut Value) {
        let required: BTreeSet<&str> = required(schema).collect();
        let mut properties = Map::new();
        for entry in schema.get("properties").map(Node::entries).unwrap_or_default() {
            if skip == Some(entry.key.as_str()) {
                continue;
            }
            let inner = format!("{name}{}", entry.key.to_upper_camel_case());
            let shape = self.property(&inner, &entry.value, required.contains(entry.key.as_str()));
            properties.insert(entry.key.clone(), shape);
        }
        shape["properties"] = Value::Object(properties);
        shape["required"] = required.into_iter().filter(|name| skip != Some(*name)).collect();
    }

    fn property(&mut self, name: &str, schema: &Node, required: bool) -> Value {
        let mut shape = self.shape(name, schema);
        let default = schema.get("default");
        let mut found = Vec::new();
        if self.is_secret(schema) {
            found.push(Mark::Secret);
        }
        if !required && default.is_none() {
            if nullable(self.model.follow(schema)) {
                found.push(Mark::Patch);
            }
            // Otherwise typify makes no difference between an absent list and an empty one.
            make_nullable(&mut shape);
        }
        if shape == Value::Bool(true) {
            shape = json!({});
        }
        let description = marks::write(&found, schema.text("description").unwrap_or_default());
        if let Some(object) = shape.as_object_mut() {
            if object.contains_key("$ref") {
                // A description beside a reference would be lost.
                let reference = std::mem::take(object);
                object.insert("allOf".to_owned(), Value::Array(vec![Value::Object(reference)]));
            }
            if !description.is_empty() {
                object.insert("description".to_owned(), Value::String(description));
            }
            if let Some(default) = default {
                object.insert("default".to_owned(), default.to_json());
            }
        }
        shape
    }

    /// Whether the field holds a secret itself, or in a list or map without a type of its own.
    fn is_secret(&self, schema: &Node) -> bool {
        let marked = |node: &Node| node.get("x-secret").is_some_and(Node::is_true);
        let target = self.model.follow(schema);
        let inner = ["items", "additionalProperties"].into_iter().filter_map(|key| target.get(key));
        marked(schema) || marked(target) || inner.into_iter().any(|inner| self.is_secret(inner))
    }

    /// Branches are written out, also where they are references, so that the tag names the variant.
    fn union(&mut self, name: &str, schema: &Node) -> Value {
        let mut shape = json!({});
        self.named(name, schema, &mut shape);
        let model = self.model;
        let mut branches = Vec::new();
        for branch in schema.get("oneOf").map(Node::items).unwrap_or_default() {
            let branch = model.follow(branch);
            let Some((tag, value)) = model.tag(schema, branch) else { continue };
            let mut inner = json!({ "type": "object" });
            self.properties(
                &format!("{name}{}", value.to_upper_camel_case()),
                branch,
                Some(&tag),
                &mut inner,
            );
            inner["properties"][&tag] = json!({ "type": "string", "enum": [value] });
            inner["properties"][super::FILLER] = Value::Bool(true);
            if let Some(required) = inner["required"].as_array_mut() {
                required.push(Value::String(tag));
            }
            if let Some(text) = branch.text("description") {
                inner["description"] = Value::String(text.to_owned());
            }
            branches.push(inner);
        }
        shape["oneOf"] = Value::Array(branches);
        shape
    }

    /// Gives the type its name: as a title, which typify prefers to names that it makes up.
    fn named(&mut self, name: &str, schema: &Node, shape: &mut Value) {
        self.claim(name, &schema.at);
        shape["title"] = Value::String(name.to_owned());
        let text = schema.text("description").unwrap_or_default();
        self.described.types.insert(name.to_owned(), text.to_owned());
    }
}

fn required(schema: &Node) -> impl Iterator<Item = &str> {
    schema.get("required").map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str)
}

fn typed(name: &str, nullable: bool) -> Value {
    if nullable { json!({ "type": [name, "null"] }) } else { json!({ "type": name }) }
}

fn make_nullable(shape: &mut Value) {
    if let Some(kind) = shape.get("type").filter(|kind| *kind == "array" || *kind == "object").cloned() {
        shape["type"] = json!([kind, "null"]);
    }
}
