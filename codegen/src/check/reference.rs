//! References lead somewhere, and not in circles.

use std::collections::BTreeSet;

use crate::{
    diagnostic::{Report, codes},
    model::{Model, walk},
    source::Node,
};

pub(super) fn check(model: &Model, schema: &Node, report: &mut Report) {
    let Some(reference) = schema.get("$ref") else { return };
    if let Err(dangling) = model.resolve(reference) {
        report.error(codes::REFERENCE, &reference.at, dangling.message).help(dangling.help);
    }
}

/// Names of the shared types that a schema refers to directly.
pub(super) fn targets(model: &Model, schema: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(schema, &mut |schema| found.extend(model.target(schema).map(|shared| shared.name.clone())));
    found
}

/// Reports each circle of shared types once, at its first name.
pub(super) fn cycles(model: &Model, report: &mut Report) {
    let mut done = BTreeSet::new();
    for name in model.shared.keys() {
        visit(model, name, &mut Vec::new(), &mut done, report);
    }
}

fn visit(
    model: &Model,
    name: &str,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
    report: &mut Report,
) {
    if let Some(start) = path.iter().position(|known| known == name) {
        if let Some(shared) = model.shared.get(name) {
            let circle = [&path[start..], &[name.to_owned()]].concat().join(" -> ");
            report
                .error(codes::CYCLE, &shared.at, format!("the type refers to itself: {circle}"))
                .help("break the circle: refer to the other thing by its id");
        }
        return;
    }
    if done.contains(name) {
        return;
    }
    let Some(shared) = model.shared.get(name) else { return };
    path.push(name.to_owned());
    for next in targets(model, &shared.node) {
        visit(model, &next, path, done, report);
    }
    path.pop();
    done.insert(name.to_owned());
}
