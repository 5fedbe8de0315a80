//! Patterns compile.

use serde_json::json;

use crate::{
    diagnostic::{Report, codes},
    model::Model,
    source::Node,
};

pub(super) fn check(_model: &Model, schema: &Node, report: &mut Report) {
    let Some(node) = schema.get("pattern") else { return };
    let Some(pattern) = node.as_str() else { return };
    // By the engine that will enforce it.
    if jsonschema::draft202012::new(&json!({ "pattern": pattern })).is_err() {
        report
            .error(codes::PATTERN, &node.at, format!("`{pattern}` is not a regular expression"))
            .help("write an ECMA-262 regular expression; a backslash in double quotes is written twice");
    }
}
