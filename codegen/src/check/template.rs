//! Call templates against the operations that they call.

use alkhub_flow::{
    close,
    template::{self, Schemas},
};

use crate::{
    diagnostic::{Report, codes},
    lower::lower,
    model::{Kind, Model, Template},
    source::Node,
    suggest,
};

use super::{judge::Judge, place};

pub(super) fn check(model: &Model, report: &mut Report) {
    for Template { node, definition, .. } in model.templates.values() {
        if let Some(why) = Judge::new(&definition.input).broken() {
            report
                .error(codes::TEMPLATE, &place(node, "/input"), format!("the input is no JSON Schema: {why}"))
                .help("write a JSON Schema 2020-12 of what a run takes");
        }
        for fault in template::check(definition, |id| schemas(model, id)) {
            let called = definition.steps.iter().enumerate();
            let called = called.filter(|(number, _)| fault.pointer == format!("/steps/{number}/call"));
            let help = match called.map(|(_, step)| &step.call).next() {
                Some(written) => {
                    let callable = model.operations.iter().filter(|op| op.kind != Kind::Subscription);
                    let near = suggest::nearest(written, callable.map(|op| op.id.as_str()));
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
