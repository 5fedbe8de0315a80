//! Content blocks as they are passed on: the kinds that everybody knows, all others as text that holds their JSON.

use serde_json::{Map, Value, json};

/// One block of a result (upstream reference section 2.5). What a known block has besides, it keeps.
#[must_use]
pub fn block(block: Value) -> Value {
    let Value::Object(mut fields) = block else { return as_text(&block) };
    let known = match fields.get("type").and_then(Value::as_str) {
        Some("text") => is_text(&fields, "text"),
        Some("image") => is_text(&fields, "data") && mime_type(&mut fields, "application/octet-stream"),
        Some("audio") => is_text(&fields, "data") && mime_type(&mut fields, "audio/octet-stream"),
        Some("resource") => {
            fields.get("resource").and_then(Value::as_object).is_some_and(|resource| is_text(resource, "uri"))
        }
        Some("resource_link") => is_text(&fields, "uri") && is_text(&fields, "name"),
        _ => false,
    };
    if known { Value::Object(fields) } else { as_text(&Value::Object(fields)) }
}

/// The texts of blocks, as an error tells them.
pub(super) fn texts(blocks: &[Value]) -> impl Iterator<Item = &str> {
    blocks.iter().filter(|block| block["type"] == "text").filter_map(|block| block["text"].as_str())
}

fn is_text(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name).is_some_and(Value::is_string)
}

fn mime_type(fields: &mut Map<String, Value>, default: &str) -> bool {
    if !is_text(fields, "mimeType") {
        fields.insert("mimeType".to_owned(), default.into());
    }
    true
}

fn as_text(block: &Value) -> Value {
    json!({ "type": "text", "text": block.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_blocks_are_kept() {
        let annotations =
            json!({ "audience": ["user"], "priority": 0.5, "lastModified": "2026-01-02T03:04:05Z" });
        for kept in [
            json!({ "type": "text", "text": "hi" }),
            json!({ "type": "text", "text": "hi", "annotations": annotations }),
            json!({ "type": "image", "data": "AA==", "mimeType": "image/png", "annotations": annotations }),
            json!({ "type": "audio", "data": "AA==", "mimeType": "audio/wav" }),
            json!({ "type": "resource", "resource": { "uri": "a://b", "mimeType": "text/plain", "text": "x" } }),
            json!({ "type": "resource", "resource": { "uri": "a://b", "blob": "AA==" }, "annotations": annotations }),
            json!({ "type": "resource_link", "uri": "a://b", "name": "b", "description": "c", "mimeType": "d/e" }),
        ] {
            assert_eq!(block(kept.clone()), kept);
        }
    }

    #[test]
    fn a_missing_media_type_is_filled_in() {
        assert_eq!(
            block(json!({ "type": "image", "data": "AA==" })),
            json!({ "type": "image", "data": "AA==", "mimeType": "application/octet-stream" })
        );
        assert_eq!(
            block(json!({ "type": "audio", "data": "AA==", "mimeType": null })),
            json!({ "type": "audio", "data": "AA==", "mimeType": "audio/octet-stream" })
        );
    }

    #[test]
    fn everything_else_becomes_text() {
        for strange in [
            json!({ "type": "video", "data": "AA==" }),
            json!({ "type": "text" }),
            json!({ "type": "resource", "resource": { "text": "no uri" } }),
            json!({ "type": "resource_link", "uri": "a://b" }),
            json!({ "text": "no type" }),
            json!("bare"),
            json!(7),
            json!(null),
            json!([1, 2]),
        ] {
            assert_eq!(block(strange.clone()), json!({ "type": "text", "text": strange.to_string() }));
        }
    }
}
