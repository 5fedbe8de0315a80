//! Lints over the sources, one a file. Each reports every fault it finds; none stops another.

mod access;
mod bounds;
mod collision;
mod composed;
mod duplicate;
mod enumeration;
mod error;
mod example;
mod idempotent;
mod input;
mod judge;
mod keyword;
mod page;
mod pattern;
mod property;
mod reference;
mod required;
mod route;
mod route_conflict;
mod route_query;
mod spoke;
mod structure;
mod template;
mod text;
mod union;
mod unused;
mod value;

use crate::{
    diagnostic::Report,
    model::{Model, walk},
    source::Node,
};

pub use structure::{FileKind, check as structure, place};

type SchemaLint = fn(&Model, &Node, &mut Report);
type ModelLint = fn(&Model, &mut Report);

/// Lints of one schema, without those inside it.
const SCHEMA_LINTS: &[SchemaLint] = &[
    keyword::check,
    bounds::check,
    pattern::check,
    property::check,
    enumeration::check,
    required::check,
    reference::check,
    union::check,
    text::schema,
];

/// Lints that see everything.
const MODEL_LINTS: &[ModelLint] = &[
    text::check,
    duplicate::check,
    access::check,
    collision::check,
    composed::check,
    error::check,
    idempotent::check,
    input::check,
    page::check,
    reference::cycles,
    route::check,
    route_conflict::check,
    route_query::check,
    spoke::check,
    unused::check,
];

/// Runs every lint.
pub fn all(model: &Model, report: &mut Report) {
    for schema in model.schemas() {
        walk(schema, &mut |schema| {
            for lint in SCHEMA_LINTS {
                lint(model, schema, report);
            }
        });
    }
    for lint in MODEL_LINTS {
        lint(model, report);
    }
    // Values are judged against schemas, which have to be sound for that.
    if !report.failed() {
        value::check(model, report);
        example::check(model, report);
        template::check(model, report);
    }
}
