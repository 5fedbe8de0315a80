//! Names of properties.

use std::collections::BTreeMap;

use crate::{
    diagnostic::{Report, codes},
    model::Model,
    names,
    source::Node,
};

const MAX_NAME: usize = 100;

pub(super) fn check(_model: &Model, schema: &Node, report: &mut Report) {
    let mut fields: BTreeMap<String, &str> = BTreeMap::new();
    for entry in schema.get("properties").map(Node::entries).unwrap_or_default() {
        let name = entry.key.as_str();
        let field = names::field(name).filter(|_| is_name(name));
        let Some(field) = field else {
            report.error(codes::NAME, &entry.key_at, format!("`{name}` is not the name of a property")).help(
                "a letter or underscore, then ASCII letters, digits, `_`, `-`, `.` or `$`: `createdAt`",
            );
            continue;
        };
        if let Some(other) = fields.get(&field) {
            report
                .error(
                    codes::COLLISION,
                    &entry.key_at,
                    format!("the properties `{name}` and `{other}` are both `{field}` in Rust"),
                )
                .help("rename one of the two");
        }
        fields.insert(field, name);
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.$".contains(c))
        && name.len() <= MAX_NAME
}
