//! Paging is for queries.

use crate::{
    diagnostic::{Report, codes},
    model::{Kind, Model},
};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in model.operations.iter().filter(|op| op.page && op.kind != Kind::Query) {
        report
            .error(codes::PAGE, op.at("page"), format!("a {} is not paged", op.kind.as_str()))
            .help("only a query answers in pages");
    }
}
