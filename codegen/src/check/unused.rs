//! Shared types that nothing uses.

use std::collections::BTreeSet;

use crate::{
    diagnostic::{Report, codes},
    model::Model,
};

use super::reference::targets;

pub(super) fn check(model: &Model, report: &mut Report) {
    let mut open: Vec<String> = Vec::new();
    let outputs = model.operations.iter().flat_map(|op| [&op.input, &op.output]);
    for schema in outputs.chain(model.errors.iter().filter_map(|error| error.details.as_ref())) {
        open.extend(targets(model, schema));
    }
    let mut used = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(shared) = model.shared.get(&name)
            && used.insert(name)
        {
            open.extend(targets(model, &shared.node));
        }
    }
    for shared in model.shared.values().filter(|shared| !used.contains(&shared.name)) {
        report
            .warning(codes::UNUSED, &shared.at, format!("no operation uses the type `{}`", shared.name))
            .help("remove it");
    }
}
