//! Texts say something.

use crate::{
    diagnostic::{Report, codes},
    model::Model,
    source::Node,
};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in &model.operations {
        for key in ["title", "description"] {
            said(&op.node, key, report);
        }
        for example in op.node.get("examples").map(Node::items).unwrap_or_default() {
            said(example, "title", report);
        }
    }
    for error in model.errors.iter().filter(|error| error.description.is_empty()) {
        report
            .error(codes::EMPTY_TEXT, &error.at, format!("`{}` has an empty description", error.code))
            .help("say in one sentence what went wrong; callers get it as the message");
    }
}

pub(super) fn schema(_model: &Model, schema: &Node, report: &mut Report) {
    for key in ["title", "description"] {
        said(schema, key, report);
    }
}

fn said(node: &Node, key: &str, report: &mut Report) {
    let Some(value) = node.get(key) else { return };
    if value.as_str().is_some_and(|text| text.trim().is_empty()) {
        report
            .error(codes::EMPTY_TEXT, &value.at, format!("the {key} is empty"))
            .help("people and models read it: say what it is");
    }
}
