//! Lists that name something twice.

use std::collections::BTreeSet;

use crate::{
    diagnostic::{Report, codes},
    model::{Model, Word},
};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in &model.operations {
        for list in [&op.tags, &op.errors, &op.access.required_scopes, &op.access.required_scopes_any] {
            twice(list, report);
        }
    }
}

fn twice(list: &[Word], report: &mut Report) {
    let mut seen = BTreeSet::new();
    for word in list {
        if !seen.insert(&word.text) {
            report
                .error(codes::DUPLICATE_ITEM, &word.at, format!("`{}` is listed twice", word.text))
                .help("remove one of the two");
        }
    }
}
