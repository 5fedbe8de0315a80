//! Reading text straight into a type accepts nothing that the schema refuses, and most of what it accepts.

use std::collections::BTreeMap;

use alkhub_core::validate::InputValidator;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

fn validator(schema: Value) -> InputValidator {
    InputValidator::compile(schema).expect("a schema")
}

/// Schemas of few names and narrow bounds, so that values often come near them.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!(true)),
        Just(json!({ "type": "null" })),
        Just(json!({ "type": "boolean" })),
        (-2..2_i64, 0..3_i64)
            .prop_map(|(low, high)| json!({ "type": "integer", "minimum": low, "maximum": high })),
        (-2..2_i64).prop_map(|low| json!({ "type": "number", "exclusiveMinimum": low })),
        Just(json!({ "type": "number", "multipleOf": 0.5 })),
        (0..3_u64).prop_map(|most| json!({ "type": ["string", "null"], "maxLength": most })),
        Just(json!({ "type": "string", "minLength": 1, "pattern": "^[a-c]*$" })),
        Just(json!({ "type": "string", "format": "uuid" })),
        Just(json!({ "enum": ["a", "b"] })),
        Just(json!({ "enum": ["a", 1, null] })),
        Just(json!({ "type": ["string", "integer"], "const": 1 })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let names = prop::sample::subsequence(vec!["a", "b", "c"], 0..=3);
        let others = prop_oneof![Just(None), Just(Some(json!(false))), inner.clone().prop_map(Some)];
        let object = (prop::collection::vec(inner.clone(), 3), names.clone(), names, others).prop_map(
            |(schemas, declared, required, others)| {
                let properties: BTreeMap<_, _> = declared.into_iter().zip(schemas).collect();
                let mut schema =
                    json!({ "type": "object", "properties": properties, "required": required });
                if let Some(others) = others {
                    schema["additionalProperties"] = others;
                }
                schema
            },
        );
        let array = (inner.clone(), 0..2_u64, 1..3_u64).prop_map(
            |(items, fewest, most)| json!({ "type": "array", "items": items, "minItems": fewest, "maxItems": most }),
        );
        let union = (inner.clone(), inner).prop_map(|(one, other)| json!({ "anyOf": [one, other] }));
        prop_oneof![4 => object, 3 => array, 1 => union]
    })
}

/// JSON text, not values: keys may come twice.
fn text() -> impl Strategy<Value = String> {
    let scalars = vec![
        "null",
        "true",
        "0",
        "1",
        "-3",
        "1.0",
        "0.5",
        "1e300",
        "9007199254740993",
        "18446744073709551615",
    ];
    let strings =
        vec!["\"\"", "\"a\"", "\"b\"", "\"\\u0061\"", "\"abcd\"", "\"xyz\"", "\"\u{1f600}\u{1f600}\""];
    let leaf = prop_oneof![prop::sample::select(scalars), prop::sample::select(strings)];
    leaf.prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| {
        let key = prop::sample::select(vec!["a", "b", "c", "d"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key, inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> =
                    fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", fields.join(", "))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_valid(schema in schema(), texts in prop::collection::vec(text(), 8)) {
        let validator = validator(schema);
        for text in texts {
            let value: Value = serde_json::from_str(&text).expect("JSON");
            if let Some(read) = validator.read::<Value>(text.as_bytes()) {
                prop_assert_eq!(&read, &value);
                prop_assert!(validator.check(&value).is_ok(), "{} was read", text);
                if let Some(depth) = validator.depth() {
                    prop_assert!(!alkhub_core::validate::depth::exceeds(text.as_bytes(), depth), "{} is deep", text);
                }
            }
        }
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Paint {
    name: String,
    #[serde(default)]
    colour: Option<Colour>,
    #[serde(default)]
    layers: Option<i64>,
    #[serde(default)]
    notes: Vec<String>,
}

fn paint() -> InputValidator {
    validator(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": { "Name": { "type": "string", "minLength": 1, "pattern": "^[^\\u0000]*$", "x-order": 1 } },
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "$ref": "#/$defs/Name", "description": "What it is called." },
            "colour": { "type": "string", "enum": ["red", "green"] },
            "layers": { "type": ["integer", "null"], "minimum": 1 },
            "notes": { "type": "array", "items": { "$ref": "#/$defs/Name" }, "maxItems": 2 },
        },
        "additionalProperties": false,
    }))
}

#[test]
fn a_type_is_read_and_checked_at_once() {
    let read = |text: &str| paint().read::<Paint>(text.as_bytes());
    let plain = Paint { name: "p".into(), colour: None, layers: None, notes: vec![] };
    assert_eq!(read(r#"{"name":"p"}"#), Some(plain));
    let full =
        Paint { name: "p".into(), colour: Some(Colour::Green), layers: Some(2), notes: vec!["n".into()] };
    assert_eq!(read(r#" {"notes":["n"],"layers":2,"colour":"green","name":"\u0070"} "#), Some(full));
    assert!(read(r#"{"name":"p","layers":null}"#).is_some());
    for refused in [
        r#"{"name":""}"#,
        "{\"name\":\"a\\u0000b\"}",
        r#"{"name":"p","colour":null}"#,
        r#"{"name":"p","colour":{"red":null}}"#,
        r#"{"name":"p","colour":"blue"}"#,
        r#"{"name":"p","layers":0}"#,
        r#"{"name":"p","layers":1.5}"#,
        r#"{"name":"p","notes":["a","b","c"]}"#,
        r#"{"name":"p","notes":[""]}"#,
        r#"{"name":"p","other":1}"#,
        r#"{"colour":"red"}"#,
        r#"["p",null,null,[]]"#,
        r#"{"name":"p"} {}"#,
        r#"{"name":"p""#,
        "",
    ] {
        assert!(read(refused).is_none(), "{refused}");
    }
    assert_eq!(paint().depth(), Some(2));
}

#[test]
fn schemas_that_refer_to_themselves_are_followed() {
    #[derive(Debug, Deserialize)]
    struct Tree {
        children: Vec<Tree>,
    }
    let tree = validator(json!({
        "$ref": "#/$defs/Tree",
        "$defs": { "Tree": {
            "type": "object",
            "required": ["children"],
            "properties": { "children": { "type": "array", "items": { "$ref": "#/$defs/Tree" } } },
        } },
    }));
    let read = tree.read::<Tree>(br#"{"children":[{"children":[]},{"children":[]}]}"#).expect("read");
    assert_eq!(read.children.iter().map(|child| child.children.len()).sum::<usize>(), 0);
    assert!(tree.read::<Tree>(br#"{"children":[{}]}"#).is_none());
    assert_eq!(tree.depth(), None, "as deep as one likes");
}
