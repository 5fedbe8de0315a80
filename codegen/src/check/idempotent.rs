//! Idempotency keys.

use crate::{
    diagnostic::{Report, codes},
    model::{Kind, Model},
};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in model.operations.iter().filter(|op| op.idempotent && op.kind != Kind::Mutation) {
        report
            .error(
                codes::IDEMPOTENT,
                op.at("idempotent"),
                format!("a {} takes no idempotency key", op.kind.as_str()),
            )
            .help("remove it; only a mutation needs one");
    }
}
