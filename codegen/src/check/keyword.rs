//! Which keywords go with which type. One that nothing would enforce is refused.

use crate::{
    diagnostic::{Report, codes},
    model::{Model, SchemaKind, is_named, kind},
    source::{Data, Node},
};

/// Keywords that go with everything.
const ANNOTATIONS: &[&str] = &["title", "description", "deprecated", "default", "examples", "x-secret"];

pub(super) fn check(model: &Model, schema: &Node, report: &mut Report) {
    let kind = kind(schema);
    let own = keywords(kind);
    for entry in schema.entries() {
        let key = entry.key.as_str();
        // A type that is no type has been reported.
        let reported = key == "type" && kind == SchemaKind::Any;
        if ANNOTATIONS.contains(&key) || own.contains(&key) || !is_known(key) || reported {
            continue;
        }
        match kind {
            SchemaKind::Reference => report
                .error(codes::REFERENCE_SIBLING, &entry.key_at, format!("`{key}` cannot stand beside `$ref`"))
                .help("put it into the shared type, or write the schema out here"),
            SchemaKind::Any => report
                .error(codes::KEYWORD_TYPE, &entry.key_at, format!("`{key}` in a schema without a type"))
                .help(format!("add `type: {}`", meant(key))),
            _ => report
                .error(
                    codes::KEYWORD_TYPE,
                    &entry.key_at,
                    format!("`{key}` does not apply to {}", kind.as_str()),
                )
                .help(format!("it applies to {}", applies_to(key))),
        };
    }
    if let (Some(_), Some(entry)) = (schema.get("enum"), schema.entry("const")) {
        report.error(codes::KEYWORD_TYPE, &entry.key_at, "`const` beside `enum`").help("keep one of the two");
    }
    shared_default(model, schema, report);
    array_items(schema, kind, report);
}

/// The default of a reference cannot be made into a value of the shared type by typify.
fn shared_default(model: &Model, schema: &Node, report: &mut Report) {
    if let (Some(shared), Some(entry)) = (model.target(schema), schema.entry("default"))
        && is_named(&shared.node)
    {
        report
            .error(
                codes::REFERENCE_SIBLING,
                &entry.key_at,
                "`default` cannot stand beside a reference to this type",
            )
            .help("write the schema out here, or leave the default to the handler");
    }
}

fn array_items(schema: &Node, kind: SchemaKind, report: &mut Report) {
    if kind == SchemaKind::Array && schema.get("items").is_none() {
        report
            .error(codes::MISSING_KEY, &schema.at, "an array without `items`")
            .help("say what its items are; `items: {}` is any JSON");
    }
    if let (SchemaKind::Object, Some(Data::Bool(true))) =
        (kind, schema.get("additionalProperties").map(|n| &n.data))
        && let Some(extra) = schema.get("properties").and_then(|properties| properties.entry("extra"))
    {
        report
            .error(codes::COLLISION, &extra.key_at, "the Rust field `extra` holds the additional properties")
            .help("rename the property, or forbid additional properties");
    }
}

fn keywords(kind: SchemaKind) -> &'static [&'static str] {
    match kind {
        SchemaKind::Any => &[],
        SchemaKind::String => &["type", "enum", "const", "minLength", "maxLength", "pattern", "format"],
        SchemaKind::Integer => &[
            "type",
            "enum",
            "const",
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
        ],
        SchemaKind::Number => {
            &["type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
        }
        SchemaKind::Boolean => &["type", "const"],
        SchemaKind::Array => &["type", "items", "minItems", "maxItems", "uniqueItems"],
        SchemaKind::Object => {
            &["type", "properties", "required", "additionalProperties", "minProperties", "maxProperties"]
        }
        SchemaKind::Reference => &["$ref"],
        SchemaKind::Union => &["oneOf"],
    }
}

const TYPED: &[SchemaKind] = &[
    SchemaKind::String,
    SchemaKind::Integer,
    SchemaKind::Number,
    SchemaKind::Boolean,
    SchemaKind::Array,
    SchemaKind::Object,
];

/// Unknown keywords have been reported by the structure check.
fn is_known(key: &str) -> bool {
    ["$ref", "oneOf"].contains(&key) || TYPED.iter().any(|kind| keywords(*kind).contains(&key))
}

fn applies_to(key: &str) -> String {
    if key == "oneOf" || key == "$ref" {
        return "a schema without a type".to_owned();
    }
    let kinds = TYPED.iter().filter(|kind| keywords(**kind).contains(&key)).map(|kind| kind.as_str());
    kinds.collect::<Vec<_>>().join(", ")
}

fn meant(key: &str) -> &'static str {
    TYPED.iter().find(|kind| keywords(**kind).contains(&key)).map_or("object", |kind| kind.as_str())
}
