//! Defaults and examples of a schema satisfy it.

use serde_json::Value;

use crate::{
    diagnostic::{Report, codes},
    lower::lower,
    model::{Model, alternatives, walk},
    source::Node,
};

use super::{judge::Judge, place};

pub(super) fn check(model: &Model, report: &mut Report) {
    for schema in model.schemas() {
        walk(schema, &mut |schema| judge(model, schema, report));
    }
}

fn judge(model: &Model, schema: &Node, report: &mut Report) {
    let default = schema.get("default").map(|value| ("default", value));
    let examples = schema.get("examples").map(Node::items).unwrap_or_default();
    let mut values: Vec<(&str, &Node)> = default.into_iter().collect();
    values.extend(examples.iter().map(|value| ("example", value)));
    if !values.is_empty() {
        let judge = Judge::new(&lower(model, schema));
        for (what, value) in values {
            faults(what, &judge, value, report);
        }
    }
    // An enumeration satisfies itself; what is left of the schema has to hold too.
    if let (Some(values), true) = (alternatives(schema), has_bounds(schema)) {
        let judge = Judge::new(&without_values(lower(model, schema)));
        for value in values {
            faults("value", &judge, value, report);
        }
    }
}

fn faults(what: &str, judge: &Judge, value: &Node, report: &mut Report) {
    for fault in judge.faults(&value.to_json()) {
        report
            .error(
                codes::VALUE,
                &place(value, &fault.pointer),
                format!("the {what} does not satisfy its schema: {}", fault.message),
            )
            .help(format!("change the {what}, or the schema"));
    }
}

fn has_bounds(schema: &Node) -> bool {
    schema.entries().iter().any(|entry| {
        !["type", "enum", "const", "title", "description", "default", "examples", "deprecated", "x-secret"]
            .contains(&entry.key.as_str())
    })
}

fn without_values(mut schema: Value) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.remove("enum");
        object.remove("const");
    }
    schema
}
