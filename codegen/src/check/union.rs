//! `oneOf` is a tagged union: a string property tells the branches apart.

use crate::{
    diagnostic::{Report, codes},
    model::{Model, SchemaKind, kind, nullable},
    source::{Data, Node},
};

const HELP: &str =
    "every branch is an object that requires the same string property, each with a `const` of its own";

pub(super) fn check(model: &Model, schema: &Node, report: &mut Report) {
    let Some(branches) = schema.get("oneOf") else { return };
    let mut objects = true;
    for written in branches.items() {
        let branch = model.follow(written);
        if kind(branch) != SchemaKind::Object || nullable(branch) {
            objects = false;
            report.error(codes::UNION, &written.at, "the branch is not an object").help(HELP);
            continue;
        }
        let open = branch.get("additionalProperties").map(|node| &node.data);
        if !matches!(open, None | Some(Data::Bool(false))) {
            report
                .error(
                    codes::UNION,
                    &written.at,
                    "the branch has additional properties, which its Rust variant cannot hold",
                )
                .help("write `additionalProperties: false`");
        }
    }
    if objects && branches.items().len() > 1 && model.tag_name(schema).is_none() {
        report.error(codes::UNION, &branches.at, "the branches have no tag in common").help(HELP);
    }
}
