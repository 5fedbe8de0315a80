//! Resource demands come as a pair.

use crate::{
    diagnostic::{Report, codes},
    model::Model,
};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in &model.operations {
        let (present, missing) = match (&op.access.resource_type, &op.access.resource_action) {
            (Some(word), None) => (word, "resourceAction"),
            (None, Some(word)) => (word, "resourceType"),
            _ => continue,
        };
        report
            .error(codes::ACCESS, &present.at, format!("a resource demand without `{missing}`"))
            .help("a demand on a resource has both `resourceType` and `resourceAction`");
    }
}
