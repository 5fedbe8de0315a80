//! Bodies of requests.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use super::{
    plan::{Body, BodyKind, Field, Writing},
    request::write_pairs,
    serialise::{self, Manner, Style},
};
use crate::{CallError, validate::child};

/// The media type and the bytes of a body.
pub(super) fn write(body: &Body, value: &Value) -> Result<(String, Vec<u8>), CallError> {
    let at = child("", &body.key);
    let as_declared = |bytes: Vec<u8>| (body.media_type.clone(), bytes);
    match &body.kind {
        BodyKind::Json => Ok(as_declared(value.to_string().into_bytes())),
        BodyKind::Text => Ok(as_declared(serialise::plain(value).into_bytes())),
        BodyKind::Bytes => decode(value, &at).map(as_declared),
        BodyKind::Form(fields) => Ok(as_declared(form(fields, value).into_bytes())),
        BodyKind::Multipart(fields) => {
            let boundary = uuid::Uuid::new_v4().simple().to_string();
            let bytes = multipart(fields, value, &at, &boundary)?;
            Ok((format!("multipart/form-data; boundary={boundary}"), bytes))
        }
    }
}

/// As a form is written where a document says nothing else.
pub(super) fn plain_field() -> Field {
    Field::Text(Writing::Parts(Manner { style: Style::Form, explode: true, allow_reserved: false }))
}

fn fields_of(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null())
}

fn form(fields: &BTreeMap<String, Field>, value: &Value) -> String {
    let plain = plain_field();
    let mut pairs = Vec::new();
    for (name, value) in fields_of(value) {
        match fields.get(name).unwrap_or(&plain) {
            Field::Text(writing) => pairs.extend(write_pairs(name, value, *writing)),
            Field::Json(_) | Field::File(_) => {
                pairs.push((serialise::encode(name), serialise::encode(&serialise::plain(value))));
            }
        }
    }
    serialise::join(&pairs)
}

fn multipart(
    fields: &BTreeMap<String, Field>,
    value: &Value,
    at: &str,
    boundary: &str,
) -> Result<Vec<u8>, CallError> {
    let plain = plain_field();
    let mut bytes = Vec::new();
    for (name, value) in fields_of(value) {
        let at = child(at, name);
        let field = fields.get(name).unwrap_or(&plain);
        let single = std::slice::from_ref(value);
        let values = match (value, field) {
            (Value::Array(items), Field::Text(_) | Field::File(_)) => items.as_slice(),
            _ => single,
        };
        for value in values {
            match field {
                Field::Text(_) if value.is_object() || value.is_array() => {
                    part(
                        &mut bytes,
                        boundary,
                        name,
                        None,
                        Some("application/json"),
                        value.to_string().as_bytes(),
                    );
                }
                Field::Text(_) => {
                    part(&mut bytes, boundary, name, None, None, serialise::plain(value).as_bytes());
                }
                Field::Json(media_type) => {
                    let media_type = media_type.as_deref().unwrap_or("application/json");
                    part(&mut bytes, boundary, name, None, Some(media_type), value.to_string().as_bytes());
                }
                Field::File(media_type) => {
                    let none = Map::new();
                    let file = value.as_object().unwrap_or(&none);
                    let text = |key: &str| file.get(key).and_then(Value::as_str);
                    let data = decode(file.get("data").unwrap_or(value), &child(&at, "data"))?;
                    let media_type = text("contentType").or(media_type.as_deref());
                    let media_type = media_type.unwrap_or("application/octet-stream");
                    if media_type.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
                        let message = "must not have control characters: it is sent in a header";
                        return Err(CallError::fault(child(&at, "contentType"), message));
                    }
                    let filename = text("filename").unwrap_or(name);
                    part(&mut bytes, boundary, name, Some(filename), Some(media_type), &data);
                }
            }
        }
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(bytes)
}

fn part(
    bytes: &mut Vec<u8>,
    boundary: &str,
    name: &str,
    filename: Option<&str>,
    media_type: Option<&str>,
    data: &[u8],
) {
    let mut head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", quoted(name));
    if let Some(filename) = filename {
        head.push_str(&format!("; filename=\"{}\"", quoted(filename)));
    }
    head.push_str("\r\n");
    if let Some(media_type) = media_type {
        head.push_str(&format!("content-type: {media_type}\r\n"));
    }
    head.push_str("\r\n");
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"\r\n");
}

/// As browsers write names and filenames (HTML Standard, multipart/form-data encoding algorithm).
fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn decode(value: &Value, at: &str) -> Result<Vec<u8>, CallError> {
    let text = value.as_str().unwrap_or_default();
    BASE64_STANDARD.decode(text).map_err(|error| CallError::fault(at, format!("must be base64: {error}")))
}
