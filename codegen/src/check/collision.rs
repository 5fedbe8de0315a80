//! Names that differ in YAML and not in Rust.

use std::collections::BTreeMap;

use crate::{
    diagnostic::{Report, Span, codes},
    model::Model,
    names,
};

pub(super) fn check(model: &Model, report: &mut Report) {
    let operations = model.operations.iter().map(|op| {
        let name = format!("{}::{}", op.namespace, names::module(&op.name));
        (name, op.id.as_str(), op.at("type"))
    });
    twice(operations, "operation", report);
    let errors =
        model.errors.iter().map(|error| (names::upper_camel(&error.code), error.code.as_str(), &error.at));
    twice(errors, "error code", report);
}

fn twice<'a>(named: impl Iterator<Item = (String, &'a str, &'a Span)>, what: &str, report: &mut Report) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (rust, written, at) in named {
        if let Some(other) = seen.get(&rust) {
            report
                .error(
                    codes::COLLISION,
                    at,
                    format!("the {what} `{written}` and the {what} `{other}` are both `{rust}` in Rust"),
                )
                .help("rename one of the two");
        }
        seen.insert(rust, written);
    }
}
