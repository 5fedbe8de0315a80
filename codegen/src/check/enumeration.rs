//! Values of enumerations: their types, their names in Rust, and that none occurs twice.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToUpperCamelCase;

use crate::{
    diagnostic::{Report, codes},
    lower::canonical,
    model::{Model, SchemaKind, alternatives, kind, nullable},
    names,
    source::{Data, Node},
};

pub(super) fn check(_model: &Model, schema: &Node, report: &mut Report) {
    let Some(values) = alternatives(schema) else { return };
    let kind = kind(schema);
    let mut seen = BTreeSet::new();
    let mut variants: BTreeMap<String, String> = BTreeMap::new();
    for value in values {
        let shown = canonical(&value.to_json());
        if !seen.insert(shown.clone()) {
            report
                .error(codes::DUPLICATE_ITEM, &value.at, format!("the value {shown} is listed twice"))
                .help("remove one of the two");
            continue;
        }
        match (&value.data, kind) {
            (Data::Str(text), SchemaKind::String) => name(text, value, &mut variants, report),
            (Data::Int(_), SchemaKind::Integer) | (Data::Bool(_), SchemaKind::Boolean) => {}
            (Data::Null, _) if nullable(schema) => {}
            (_, SchemaKind::String | SchemaKind::Integer | SchemaKind::Boolean) => {
                report
                    .error(codes::VALUE, &value.at, format!("{shown} is not of type {}", kind.as_str()))
                    .help("values are of the schema's type; quote what is meant as a string");
            }
            // The keyword itself is refused there.
            _ => {}
        }
    }
}

fn name(text: &str, value: &Node, variants: &mut BTreeMap<String, String>, report: &mut Report) {
    let Some(variant) = names::field(text).map(|name| name.to_upper_camel_case()) else {
        report
            .error(codes::NAME, &value.at, format!("no name in Rust can be made of the value `{text}`"))
            .help("use words; describe what they stand for in the description");
        return;
    };
    if let Some(other) = variants.get(&variant) {
        report
            .error(
                codes::COLLISION,
                &value.at,
                format!("the values `{text}` and `{other}` are both `{variant}` in Rust"),
            )
            .help("rename one of the two");
    }
    variants.insert(variant, text.to_owned());
}
