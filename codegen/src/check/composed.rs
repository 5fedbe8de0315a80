//! Operations that are nothing but the calls that they make.

use crate::{
    diagnostic::{Report, codes},
    model::{Host, Kind, Model},
};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in model.operations.iter().filter(|op| op.composed) {
        let why = match (op.kind, op.host) {
            (Kind::Mutation, Host::Hub) => continue,
            (Kind::Mutation, Host::Spoke) => "an operation of a spoke is not resumed by the hub".to_owned(),
            (kind, _) => format!("a {} has no effects that could be repeated", kind.as_str()),
        };
        report
            .error(codes::COMPOSED, op.at("composed"), why)
            .help("remove it; only a mutation of the hub needs one");
    }
}
