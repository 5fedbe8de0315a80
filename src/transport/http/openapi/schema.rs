//! From the JSON Schema subset of operation files to poem-openapi's schemas, which are OpenAPI 3.0's.

use std::collections::{BTreeMap, HashSet};

use parking_lot::Mutex;
use poem_openapi::registry::{MetaDiscriminatorObject, MetaSchema, MetaSchemaRef};
use serde_json::Value;

use super::any;

/// Stands for `additionalProperties: false`, which the library's types cannot say; [`super::document`] puts it right.
pub(super) const CLOSED: &str = "x-closed";

/// Text that lives as long as the program, each once. The library wants such text, and what is interned comes from
/// descriptors, of which there are finitely many.
pub(super) fn intern(text: &str) -> &'static str {
    static TEXTS: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut texts = TEXTS.lock();
    let texts = texts.get_or_insert_with(HashSet::new);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let leaked: &'static str = Box::leak(text.to_owned().into_boxed_str());
    texts.insert(leaked);
    leaked
}

/// Converts a node; references to `$defs` become references to components.
pub(super) fn convert(node: &Value) -> MetaSchemaRef {
    if let Some(name) = reference(node) {
        return MetaSchemaRef::Reference(name.to_owned());
    }
    MetaSchemaRef::Inline(Box::new(convert_inline(node)))
}

/// The name of the component that a node refers to.
pub(super) fn reference(node: &Value) -> Option<&str> {
    node["$ref"].as_str()?.strip_prefix("#/$defs/")
}

/// The shared types of a schema, by component name.
pub(super) fn definitions(schema: &Value) -> BTreeMap<String, MetaSchema> {
    let Some(definitions) = schema["$defs"].as_object() else { return BTreeMap::new() };
    definitions.iter().map(|(name, node)| (name.clone(), convert_inline(node))).collect()
}

/// Converts a node that is not a reference.
pub(super) fn convert_inline(node: &Value) -> MetaSchema {
    let (ty, nullable) = type_of(node);
    let mut schema = MetaSchema { ty, nullable, ..any() };
    annotate(&mut schema, node);
    bound(&mut schema, node);
    shape(&mut schema, node);
    schema
}

fn type_of(node: &Value) -> (&'static str, bool) {
    let fixed = |name: &str| match name {
        "object" => "object",
        "array" => "array",
        "string" => "string",
        "integer" => "integer",
        "number" => "number",
        "boolean" => "boolean",
        _ => "",
    };
    match &node["type"] {
        Value::String(name) => (fixed(name), false),
        Value::Array(names) => {
            let name = names.iter().filter_map(Value::as_str).find(|name| *name != "null");
            (name.map_or("", fixed), names.iter().any(|name| name == "null"))
        }
        // A branch may say its tag by `const` alone.
        _ if node["const"].is_string() => ("string", false),
        _ => ("", false),
    }
}

fn annotate(schema: &mut MetaSchema, node: &Value) {
    schema.title = node["title"].as_str().map(str::to_owned);
    schema.description = node["description"].as_str().map(intern);
    schema.format = node["format"].as_str().map(intern);
    if schema.ty == "integer" && schema.format.is_none() {
        schema.format = Some("int64");
    }
    if node["x-secret"] == true && schema.ty == "string" {
        schema.format = Some("password");
    }
    schema.default = node.get("default").cloned();
    schema.example = node["examples"].get(0).cloned();
    schema.deprecated = node["deprecated"] == true;
    schema.enum_items = node["enum"].as_array().cloned().unwrap_or_default();
    if let Some(only) = node.get("const") {
        schema.enum_items = vec![only.clone()];
    }
}

fn bound(schema: &mut MetaSchema, node: &Value) {
    let size = |name: &str| node[name].as_u64().and_then(|size| usize::try_from(size).ok());
    schema.min_length = size("minLength");
    schema.max_length = size("maxLength");
    schema.min_items = size("minItems");
    schema.max_items = size("maxItems");
    schema.min_properties = size("minProperties");
    schema.max_properties = size("maxProperties");
    schema.unique_items = node["uniqueItems"].as_bool();
    schema.pattern = node["pattern"].as_str().map(str::to_owned);
    schema.multiple_of = node["multipleOf"].as_f64();
    schema.minimum = node["minimum"].as_f64();
    schema.maximum = node["maximum"].as_f64();
    // OpenAPI 3.0 knows exclusive bounds as flags on the inclusive ones.
    if let Some(limit) = node["exclusiveMinimum"].as_f64() {
        (schema.minimum, schema.exclusive_minimum) = (Some(limit), Some(true));
    }
    if let Some(limit) = node["exclusiveMaximum"].as_f64() {
        (schema.maximum, schema.exclusive_maximum) = (Some(limit), Some(true));
    }
}

fn shape(schema: &mut MetaSchema, node: &Value) {
    schema.required =
        node["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(intern).collect();
    schema.properties = node["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| (intern(name), convert(property)))
        .collect();
    schema.items = node.get("items").map(|items| Box::new(convert(items)));
    if schema.ty == "array" && schema.items.is_none() {
        schema.items = Some(Box::new(MetaSchemaRef::Inline(Box::new(any()))));
    }
    schema.additional_properties = match node.get("additionalProperties") {
        None => None,
        Some(Value::Bool(true)) => Some(MetaSchemaRef::Inline(Box::new(any()))),
        Some(Value::Bool(false)) => Some(MetaSchemaRef::Inline(Box::new(MetaSchema::new(CLOSED)))),
        Some(other) => Some(convert(other)),
    }
    .map(Box::new);
    if let Some(branches) = node["oneOf"].as_array() {
        schema.one_of = branches.iter().map(convert).collect();
        schema.discriminator = tag_of(branches)
            .map(|tag| MetaDiscriminatorObject { property_name: intern(tag), mapping: Vec::new() })
            .filter(|_| branches.iter().all(|branch| reference(branch).is_some()));
    }
}

/// The property that tells the branches of a union apart.
fn tag_of(branches: &[Value]) -> Option<&str> {
    branches.first()?["properties"]
        .as_object()?
        .iter()
        .find(|(_, property)| property["const"].is_string())
        .map(|(name, _)| name.as_str())
}
