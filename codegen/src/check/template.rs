//! Call templates against the operations that they call.

use crate::{
    diagnostic::{Report, codes},
    lower::lower,
    model::{Kind, Model},
    source::Node,
    suggest,
};
use alkhub_flow::{
    close,
    template::{Schemas, Template},
};

use super::{judge::Judge, place};

pub(super) fn check(model: &Model, report: &mut Report) {
    for node in model.templates.values() {
        // What has another form was told of already.
        let Some(template) = read(node) else { continue };
        if let Some(why) = Judge::new(&template.input).broken() {
            report
                .error(codes::TEMPLATE, &place(node, "/input"), format!("the input is no JSON Schema: {why}"))
                .help("write a JSON Schema 2020-12 of what a run takes");
        }
        for fault in alkhub_flow::template::check(&template, |id| schemas(model, id)) {
            let help = match node_text(node, &fault.pointer).filter(|_| fault.pointer.ends_with("/call")) {
                Some(written) => {
                    let callable = model.operations.iter().filter(|op| op.kind != Kind::Subscription);
                    let near = suggest::nearest(&written, callable.map(|op| op.id.as_str()));
                    near.map_or_else(
                        || "name an operation of this repository that is no subscription".to_owned(),
                        |id| format!("did you mean `{id}`?"),
                    )
                }
                None => "see docs/templates.md for bindings and steps".to_owned(),
            };
            report.error(codes::TEMPLATE, &place(node, &fault.pointer), fault.message).help(help);
        }
    }
}

/// The template of a file: what the file has beside it is left out.
pub(crate) fn read(node: &Node) -> Option<Template> {
    let mut written = node.to_json();
    let map = written.as_object_mut()?;
    map.remove("description");
    serde_json::from_value(written).ok()
}

fn schemas(model: &Model, id: &str) -> Option<Schemas> {
    let op = model.operations.iter().find(|op| op.id == id)?;
    let closed = |schema: &Node| {
        let schema = lower(model, schema);
        close(&schema, &schema)
    };
    Some(Schemas {
        input: closed(&op.input),
        output: closed(&op.output),
        subscription: op.kind == Kind::Subscription,
    })
}

fn node_text(node: &Node, pointer: &str) -> Option<String> {
    let (found, _) = node.locate(pointer.split('/').skip(1));
    found.as_str().map(str::to_owned)
}
