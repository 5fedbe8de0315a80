//! Required properties are declared, once, and have no default.

use std::collections::BTreeSet;

use crate::{
    diagnostic::{Report, codes},
    model::Model,
    source::Node,
    suggest,
};

pub(super) fn check(_model: &Model, schema: &Node, report: &mut Report) {
    let properties = schema.get("properties").map(Node::entries).unwrap_or_default();
    let names: Vec<&str> = properties.iter().map(|entry| entry.key.as_str()).collect();
    let mut seen = BTreeSet::new();
    for item in schema.get("required").map(Node::items).unwrap_or_default() {
        let Some(name) = item.as_str() else { continue };
        if !names.contains(&name) {
            report
                .error(
                    codes::REQUIRED_UNKNOWN,
                    &item.at,
                    format!("the required property `{name}` is not declared"),
                )
                .help(suggest::help(name, &names));
        }
        if !seen.insert(name) {
            report
                .error(codes::DUPLICATE_ITEM, &item.at, format!("`{name}` is listed twice"))
                .help("remove one of the two");
        }
        let default =
            properties.iter().find(|entry| entry.key == name).and_then(|entry| entry.value.entry("default"));
        if let Some(default) = default {
            report
                .error(codes::VALUE, &default.key_at, format!("the required property `{name}` has a default"))
                .help("a default fills in what is absent: make the property optional, or remove the default");
        }
    }
}
