//! Schemas of documents, keyword by keyword.

use serde_json::{Value, json};

use super::*;

/// The converted and bundled form of a schema that stands in a document.
fn converted(version: &str, schema: &Value, direction: Direction, limit: usize) -> Value {
    let document = json!({
        "openapi": version,
        "components": { "schemas": {
            "Tree": { "type": "object", "properties": { "children": { "type": "array", "items": { "$ref": "#/components/schemas/Tree" } } } },
            "Name": { "type": "string" },
            "Large": { "type": "string", "description": "x".repeat(900) },
            "Cat": { "type": "object" }, "Dog": { "type": "object" },
        } },
        "schema": schema,
    });
    let documents = Documents::new(document, None);
    let mut schemas = Schemas::new(&documents, version.starts_with("3.0"));
    let schema = schemas.convert(documents.main().get("schema").expect("it is there"), direction);
    let bundle = schemas.bundle(schema, limit);
    serde_json::from_str(&bundle.text).expect("JSON")
}

#[test]
fn what_was_no_json_schema_becomes_it() {
    let tree = json!({ "Tree": { "type": "object", "properties": { "children": { "type": "array", "items": { "$ref": "#/$defs/Tree" } } } } });
    for (schema, expected) in [
        (json!({ "type": "string", "nullable": true }), json!({ "type": ["string", "null"] })),
        (
            json!({ "type": "string", "enum": ["a", "a"], "nullable": true }),
            json!({ "type": ["string", "null"], "enum": ["a", null] }),
        ),
        (
            json!({ "allOf": [{ "$ref": "#/components/schemas/Name" }], "nullable": true }),
            json!({ "anyOf": [{ "allOf": [{ "$ref": "#/$defs/Name" }] }, { "type": "null" }], "$defs": { "Name": { "type": "string" } } }),
        ),
        (json!({ "nullable": true }), json!({})),
        (json!({ "minimum": 1, "exclusiveMinimum": true }), json!({ "exclusiveMinimum": 1 })),
        (json!({ "maximum": 1, "exclusiveMaximum": false }), json!({ "maximum": 1 })),
        (json!({ "type": "string", "example": "a" }), json!({ "type": "string", "examples": ["a"] })),
        (
            json!({ "type": "string", "format": "byte" }),
            json!({ "type": "string", "contentEncoding": "base64" }),
        ),
        (json!({ "type": "string", "format": "binary" }), json!({ "type": "string" })),
        (json!({ "type": "file" }), json!({ "type": "string" })),
        (
            json!({ "$ref": "#/components/schemas/Name", "description": "x" }),
            json!({ "$ref": "#/$defs/Name", "$defs": { "Name": { "type": "string" } } }),
        ),
        (json!({ "$ref": "#/components/schemas/Tree" }), json!({ "$ref": "#/$defs/Tree", "$defs": tree })),
        (json!({ "$ref": "#/nowhere" }), json!({})),
        (
            json!({ "oneOf": [{ "$ref": "#/components/schemas/Cat" }, { "$ref": "#/components/schemas/Dog" }],
                "discriminator": { "propertyName": "kind", "mapping": { "cat": "Cat", "dog": "Dog" } } }),
            json!({ "anyOf": [{ "$ref": "#/$defs/Cat" }, { "$ref": "#/$defs/Dog" }],
                "description": "Its form is told by `kind`: cat, dog.",
                "$defs": { "Cat": { "type": "object" }, "Dog": { "type": "object" } } }),
        ),
        (
            json!({ "required": ["id", "name"], "properties": { "id": { "readOnly": true }, "name": {} } }),
            json!({ "required": ["name"], "properties": { "id": { "readOnly": true }, "name": {} } }),
        ),
    ] {
        assert_eq!(converted("3.0.3", &schema, Direction::Request, 10_000), expected, "{schema}");
    }
}

#[test]
fn json_schema_stays_it() {
    for schema in [
        json!({ "type": ["string", "null"], "const": "a" }),
        json!({ "exclusiveMinimum": 1 }),
        json!({ "prefixItems": [{ "type": "string" }], "items": false }),
        json!({ "patternProperties": { "^a": { "type": "string" } }, "additionalProperties": false }),
        json!({ "dependentRequired": { "a": ["b"] }, "not": { "type": "null" } }),
        json!({ "if": { "type": "string" }, "then": { "minLength": 1 }, "else": true }),
        json!({ "propertyNames": { "maxLength": 3 }, "contains": {}, "minContains": 2 }),
    ] {
        assert_eq!(converted("3.1.0", &schema, Direction::Request, 10_000), schema);
    }
    let both = json!({ "$ref": "#/components/schemas/Name", "description": "x" });
    let expected =
        json!({ "$ref": "#/$defs/Name", "description": "x", "$defs": { "Name": { "type": "string" } } });
    assert_eq!(converted("3.1.0", &both, Direction::Request, 10_000), expected);
}

#[test]
fn what_no_validator_takes_is_dropped() {
    for schema in [
        json!({ "type": "any" }),
        json!({ "type": ["string", "any"] }),
        json!({ "pattern": "(?<bad" }),
        json!({ "pattern": 3 }),
        json!({ "patternProperties": { "(": {} } }),
        json!({ "enum": [] }),
        json!({ "enum": "a" }),
        json!({ "minLength": -1 }),
        json!({ "minLength": "3" }),
        json!({ "maxItems": 1.5 }),
        json!({ "multipleOf": 0 }),
        json!({ "minimum": "1" }),
        json!({ "required": true }),
        json!({ "required": [1] }),
        json!({ "properties": [] }),
        json!({ "allOf": [] }),
        json!({ "xml": {}, "externalDocs": {}, "x-anything": 1, "$id": "http://a", "$anchor": "a", "$schema": "x" }),
        json!({ "$dynamicRef": "#a" }),
        json!([]),
        json!("string"),
        json!(null),
    ] {
        let expected = if schema.get("patternProperties").is_some() {
            json!({ "patternProperties": {} })
        } else {
            json!({})
        };
        assert_eq!(converted("3.1.0", &schema, Direction::Request, 10_000), expected, "{schema}");
    }
    assert_eq!(
        converted("3.1.0", &json!({ "maxItems": 3.0 }), Direction::Request, 10_000),
        json!({ "maxItems": 3 })
    );
}

#[test]
fn answers_keep_their_forms() {
    let schema = json!({ "oneOf": [{ "type": "string" }], "unevaluatedProperties": false });
    assert_eq!(converted("3.1.0", &schema, Direction::Response, 10_000), schema);
    let schema = json!({ "required": ["password"], "properties": { "password": { "writeOnly": true } } });
    let expected = json!({ "properties": { "password": { "writeOnly": true } } });
    assert_eq!(converted("3.1.0", &schema, Direction::Response, 10_000), expected);
}

#[test]
fn large_schemas_are_left_open_from_below() {
    let schema = json!({ "properties": {
        "name": { "$ref": "#/components/schemas/Name" }, "large": { "$ref": "#/components/schemas/Large" } } });
    let expected = json!({
        "properties": { "name": { "$ref": "#/$defs/Name" }, "large": { "$ref": "#/$defs/Large" } },
        "$defs": { "Name": { "type": "string" }, "Large": {} },
    });
    assert_eq!(converted("3.1.0", &schema, Direction::Request, 300), expected);
    // Of what is turned round, nothing may be open: it would refuse what is right.
    let schema = json!({ "not": { "$ref": "#/components/schemas/Large" } });
    assert_eq!(converted("3.1.0", &schema, Direction::Request, 300), json!({}));

    let mut deep = json!({ "type": "string" });
    for _ in 0..60 {
        deep = json!({ "type": "object", "properties": { "a": deep } });
    }
    let text = converted("3.1.0", &deep, Direction::Request, 10_000).to_string();
    assert!(!crate::validate::depth::exceeds(text.as_bytes(), 28), "{text}");
    assert!(text.len() < 1000);

    let wide: serde_json::Map<String, Value> = (0..200).map(|n| (format!("p{n}"), json!({ "type": "object", "description": "x".repeat(50), "properties": { "q": { "type": "string" } } }))).collect();
    let schema = json!({ "type": "object", "properties": wide });
    for limit in [20_000, 9_000, 3_000, 100] {
        let text = converted("3.1.0", &schema, Direction::Request, limit).to_string();
        assert!(text.len() <= limit, "{limit}: {}", text.len());
        assert!(text.contains("\"type\":\"object\""));
    }
}
