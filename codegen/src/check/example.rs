//! Examples satisfy the schemas.

use crate::{
    diagnostic::{Report, codes},
    lower::lower,
    model::Model,
    source::Node,
};

use super::{judge::Judge, place};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in model.operations.iter().filter(|op| !op.examples.is_empty()) {
        let input = Judge::new(&lower(model, &op.input));
        let output = op
            .examples
            .iter()
            .any(|example| example.output.is_some())
            .then(|| Judge::new(&lower(model, &op.output)));
        for example in &op.examples {
            judged("input", &input, &example.input, report);
            if let (Some(judge), Some(value)) = (&output, &example.output) {
                judged("output", judge, value, report);
            }
        }
    }
}

fn judged(what: &str, judge: &Judge, value: &Node, report: &mut Report) {
    for fault in judge.faults(&value.to_json()) {
        report
            .error(
                codes::EXAMPLE,
                &place(value, &fault.pointer),
                format!("the example's {what} does not satisfy the schema: {}", fault.message),
            )
            .help(format!("change the example, or the schema of the {what}"));
    }
}
