//! What a base spoke serves is not a route of the hub.

use crate::{
    diagnostic::{Report, codes},
    model::{Host, Model},
};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in model.operations.iter().filter(|op| op.host == Host::Spoke) {
        if let Some(route) = &op.http {
            report
                .error(codes::SPOKE, &route.at, "a spoke's operation has no route of the hub")
                .help("remove `http`; it is reached through the spoke");
        }
    }
}
