//! Inputs and error details are objects, written in place.

use crate::{
    diagnostic::{Report, codes},
    model::{Model, SchemaKind, kind, nullable},
    source::Node,
};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in &model.operations {
        object("the input is", &op.input, "write `type: object` with the properties here", report);
    }
    for details in model.errors.iter().filter_map(|error| error.details.as_ref()) {
        let target = model.follow(details);
        object("the details are", target, "details are an object, so that they can grow", report);
    }
}

fn object(what: &str, schema: &Node, help: &str, report: &mut Report) {
    if kind(schema) != SchemaKind::Object || nullable(schema) {
        report.error(codes::INPUT_OBJECT, &schema.at, format!("{what} not an object")).help(help);
    }
}
