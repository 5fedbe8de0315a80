//! Bodies of operations: which of the offered media types is sent, and what the input has for it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    answer::{essence, is_json, is_text},
    body::plain_field,
    document::{Documents, Node},
    parameters::{OldBody, describe, manner},
    plan::{Body, BodyKind, Field, Place, Writing},
    schema::{Direction, Schema, Schemas},
    serialise::{Manner, Style},
};

/// Deepest chain of `allOf` that properties of a form are looked for in.
const DEEPEST: usize = 8;

/// A body with its schema.
#[derive(Debug)]
pub(super) struct DeclaredBody {
    pub(super) body: Body,
    pub(super) required: bool,
    pub(super) schema: Schema,
}

/// The body that an operation of OpenAPI 3 takes.
pub(super) fn read(
    documents: &Documents,
    schemas: &mut Schemas<'_>,
    operation: Node<'_>,
    notes: &mut Vec<String>,
) -> Option<DeclaredBody> {
    let node = match documents.follow(operation.get("requestBody")?) {
        Ok(node) => node,
        Err(error) => {
            notes.push(format!("the body is left out: {error}"));
            return None;
        }
    };
    let mut offered: Vec<(&str, Node<'_>)> = node.members("content").collect();
    offered.sort_by_key(|(media_type, media)| rank(documents, media_type, *media));
    let Some((media_type, media)) = offered.first().copied() else {
        notes.push("the body is left out: it has no `content`".to_owned());
        return None;
    };
    if offered.len() > 1 {
        let others: Vec<&str> = offered[1..].iter().map(|(name, _)| *name).take(5).collect();
        notes.push(format!("the body is sent as {media_type}, and not as {}", others.join(", ")));
    }
    let maker = Maker { documents, schemas };
    let (body, mut schema) = maker.body(media_type, media);
    if node.text("description").is_some() {
        describe(&mut schema, node);
    }
    Some(DeclaredBody { body, required: node.flag("required"), schema })
}

/// The body that an operation of Swagger 2 takes.
pub(super) fn read_old(
    documents: &Documents,
    schemas: &mut Schemas<'_>,
    operation: Node<'_>,
    old: &OldBody<'_>,
) -> Option<DeclaredBody> {
    let own = operation.items("consumes").next().is_some();
    let consumes = if own { operation } else { documents.main() }.items("consumes");
    let mut consumes: Vec<&str> = consumes.filter_map(|media_type| media_type.value.as_str()).collect();
    if let Some(node) = old.body {
        consumes.sort_by_key(|media_type| json_rank(&essence(media_type)));
        let media_type = consumes.first().copied().unwrap_or("application/json");
        let (body, mut schema) = Maker { documents, schemas }.body(media_type, node);
        describe(&mut schema, node);
        return Some(DeclaredBody { body, required: node.flag("required"), schema });
    }
    if old.form.is_empty() {
        return None;
    }
    let mut fields = BTreeMap::new();
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut refers_to = Vec::new();
    let mut has_files = false;
    for node in &old.form {
        let Some(name) = node.text("name") else { continue };
        let is_file = node.text("type") == Some("file");
        has_files |= is_file;
        let (field, mut schema) = if is_file {
            (Field::File(None), Schema { value: file_schema(), refers_to: Vec::new() })
        } else {
            let field = Field::Text(Writing::Parts(manner(*node, Place::Query)));
            (field, schemas.convert(*node, Direction::Request))
        };
        describe(&mut schema, *node);
        fields.insert(name.to_owned(), field);
        properties.insert(name.to_owned(), schema.value);
        refers_to.extend(schema.refers_to);
        if node.flag("required") {
            required.push(Value::from(name));
        }
    }
    let in_parts =
        has_files || consumes.iter().any(|media_type| essence(media_type) == "multipart/form-data");
    let (media_type, kind) = if in_parts {
        ("multipart/form-data", BodyKind::Multipart(fields))
    } else {
        ("application/x-www-form-urlencoded", BodyKind::Form(fields))
    };
    let any_required = !required.is_empty();
    let mut value = json!({ "type": "object", "properties": properties });
    if any_required {
        value["required"] = required.into();
    }
    let body = Body { key: "body".to_owned(), media_type: media_type.to_owned(), kind };
    Some(DeclaredBody { body, required: any_required, schema: Schema { value, refers_to } })
}

/// Which media type is taken where there are several; the least first.
fn rank(documents: &Documents, media_type: &str, media: Node<'_>) -> u8 {
    match essence(media_type).as_str() {
        "application/x-www-form-urlencoded" => 11,
        "multipart/form-data" => {
            let has_files = form_properties(documents, media.get("schema"))
                .iter()
                .any(|(_, property, _)| is_file(documents, *property));
            if has_files { 10 } else { 12 }
        }
        essence => json_rank(essence),
    }
}

fn json_rank(essence: &str) -> u8 {
    match essence {
        "application/json" => 0,
        "application/merge-patch+json" => 1,
        // A list of steps, where an object is meant in most documents.
        "application/json-patch+json" => 4,
        "*/*" | "application/*" => 3,
        essence if is_json(essence) => 2,
        essence if is_text(essence) => 20,
        _ => 21,
    }
}

/// A file in the input.
fn file_schema() -> Value {
    json!({
        "type": "object",
        "required": ["data"],
        "additionalProperties": false,
        "properties": {
            "data": { "type": "string", "contentEncoding": "base64", "description": "The file in base64." },
            "filename": { "type": "string" },
            "contentType": { "type": "string" },
        },
    })
}

fn is_file(documents: &Documents, property: Node<'_>) -> bool {
    let Ok(property) = documents.follow(property) else { return false };
    let is_bytes = |format: &str| matches!(format, "binary" | "file");
    let text = property.text("type");
    property.text("format").is_some_and(is_bytes)
        || text == Some("file")
        || property.text("contentMediaType").is_some_and(|media_type| !is_text(&essence(media_type)))
            && property.text("contentEncoding").is_none()
}

/// Properties of a form with whether they are required, also those of `allOf`.
fn form_properties<'a>(documents: &'a Documents, schema: Option<Node<'a>>) -> Vec<(&'a str, Node<'a>, bool)> {
    let mut found = Vec::new();
    gather(documents, schema, 0, &mut found);
    found
}

fn gather<'a>(
    documents: &'a Documents,
    schema: Option<Node<'a>>,
    depth: usize,
    found: &mut Vec<(&'a str, Node<'a>, bool)>,
) {
    let Some(Ok(schema)) = schema.map(|schema| documents.follow(schema)) else { return };
    if depth > DEEPEST {
        return;
    }
    let required: Vec<&str> = schema.items("required").filter_map(|name| name.value.as_str()).collect();
    for (name, property) in schema.members("properties") {
        let is_read_only = property.flag("readOnly");
        found.retain(|(known, ..)| *known != name);
        found.push((name, property, required.contains(&name) && !is_read_only));
    }
    for part in schema.items("allOf") {
        gather(documents, Some(part), depth + 1, found);
    }
    for (name, _, is_required) in found {
        *is_required |= required.contains(name);
    }
}

struct Maker<'m, 'a> {
    documents: &'m Documents,
    schemas: &'m mut Schemas<'a>,
}

impl Maker<'_, '_> {
    fn body(mut self, media_type: &str, media: Node<'_>) -> (Body, Schema) {
        let essence = essence(media_type);
        let schema = media.get("schema");
        let (media_type, kind, schema) = match essence.as_str() {
            "application/x-www-form-urlencoded" => {
                let (fields, schema) = self.form(media, false);
                (essence.as_str(), BodyKind::Form(fields), schema)
            }
            "multipart/form-data" => {
                let (fields, schema) = self.form(media, true);
                (essence.as_str(), BodyKind::Multipart(fields), schema)
            }
            "*/*" | "application/*" if schema.is_none_or(|schema| !is_file(self.documents, schema)) => {
                ("application/json", BodyKind::Json, self.converted(schema))
            }
            json if is_json(json) => (media_type, BodyKind::Json, self.converted(schema)),
            text if is_text(text) => (media_type, BodyKind::Text, of(json!({ "type": "string" }))),
            other => {
                let named = if other.contains('*') { "application/octet-stream" } else { media_type };
                let bytes = json!({ "type": "string", "contentEncoding": "base64", "description": "The body in base64." });
                (named, BodyKind::Bytes, of(bytes))
            }
        };
        (Body { key: "body".to_owned(), media_type: media_type.to_owned(), kind }, schema)
    }

    fn converted(&mut self, schema: Option<Node<'_>>) -> Schema {
        schema.map(|schema| self.schemas.convert(schema, Direction::Request)).unwrap_or_default()
    }

    fn form(&mut self, media: Node<'_>, in_parts: bool) -> (BTreeMap<String, Field>, Schema) {
        let listed = form_properties(self.documents, media.get("schema"));
        if listed.is_empty() {
            return (BTreeMap::new(), self.converted(media.get("schema")));
        }
        let mut fields = BTreeMap::new();
        let mut properties = Map::new();
        let mut required = Vec::new();
        let mut refers_to = Vec::new();
        for (name, property, is_required) in listed {
            let encoding = media.get("encoding").and_then(|encoding| encoding.get(name));
            let field = self.field(property, encoding, in_parts);
            let mut schema = self.schemas.convert(property, Direction::Request);
            if matches!(field, Field::File(_)) {
                let is_list = self.items(property).is_some();
                let file = file_schema();
                schema = of(if is_list { json!({ "type": "array", "items": file }) } else { file });
                if property.text("description").is_some() {
                    describe(&mut schema, property);
                }
            }
            fields.insert(name.to_owned(), field);
            properties.insert(name.to_owned(), schema.value);
            refers_to.extend(schema.refers_to);
            if is_required {
                required.push(Value::from(name));
            }
        }
        let mut value = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            value["required"] = required.into();
        }
        (fields, Schema { value, refers_to })
    }

    fn items<'a>(&self, property: Node<'a>) -> Option<Node<'a>>
    where
        Self: 'a,
    {
        property.get("items")
    }

    /// How a field is written, by `encoding` and else by its type.
    fn field(&self, property: Node<'_>, encoding: Option<Node<'_>>, in_parts: bool) -> Field {
        let media_type = encoding.and_then(|encoding| encoding.text("contentType"));
        let single = media_type.map(|list| list.split(',').next().unwrap_or_default().trim().to_owned());
        if in_parts {
            let of_items = property.get("items").is_some_and(|items| is_file(self.documents, items));
            let named = single.as_deref().map(essence);
            let is_binary = named.as_deref().is_some_and(|named| !is_json(named) && !is_text(named));
            if is_binary || of_items || is_file(self.documents, property) {
                // A range such as `image/*` is no media type.
                return Field::File(single.filter(|named| !named.contains('*')));
            }
        }
        if let Some(named) = &single
            && is_json(&essence(named))
        {
            return Field::Json(Some(named.clone()));
        }
        let says_style = encoding.is_some_and(|encoding| {
            ["style", "explode", "allowReserved"].iter().any(|key| encoding.value.get(key).is_some())
        });
        if says_style && let Some(encoding) = encoding {
            return Field::Text(Writing::Parts(manner(encoding, Place::Query)));
        }
        let Ok(followed) = self.documents.follow(property) else { return plain_field() };
        let is_object = followed.text("type") == Some("object") || followed.get("properties").is_some();
        if is_object {
            return Field::Json(None);
        }
        Field::Text(Writing::Parts(Manner { style: Style::Form, explode: true, allow_reserved: false }))
    }
}

fn of(value: Value) -> Schema {
    Schema { value, refers_to: Vec::new() }
}
