//! The documents keep up with the code.

use std::fs;

use alkhub_codegen::diagnostic::codes;

use crate::support::here;

fn read(path: &str) -> String {
    fs::read_to_string(here(&format!("../../{path}"))).expect("the document is there")
}

#[test]
fn every_diagnostic_has_a_section() {
    let text = read("docs/diagnostics.md");
    for (code, title) in codes::ALL {
        assert!(
            text.contains(&format!("## {code}: {title}")),
            "docs/diagnostics.md lacks `## {code}: {title}`"
        );
    }
    let sections = text.lines().filter(|line| line.starts_with("## OP")).count();
    assert_eq!(sections, codes::ALL.len(), "docs/diagnostics.md has a section too many");
}

#[test]
fn every_key_is_described() {
    let text = read("docs/operations.md");
    let schema: serde_json::Value =
        serde_json::from_str(&read("operations/_schema/operation.schema.json")).expect("the schema is JSON");
    for place in ["/properties", "/$defs/schema/properties", "/properties/access/properties"] {
        let keys =
            schema.pointer(place).and_then(|value| value.as_object()).expect("the schema has properties");
        for key in keys.keys() {
            assert!(text.contains(&format!("`{key}`")), "docs/operations.md does not describe `{key}`");
        }
    }
}
