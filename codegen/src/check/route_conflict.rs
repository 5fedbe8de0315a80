//! No two operations share a route.

use std::collections::BTreeMap;

use crate::{
    diagnostic::{Report, codes},
    model::{Model, Operation},
};

pub(super) fn check(model: &Model, report: &mut Report) {
    let mut seen: BTreeMap<(String, String), &Operation> = BTreeMap::new();
    for op in &model.operations {
        let Some(route) = &op.http else { continue };
        let key = (route.method.clone(), route.shape());
        match seen.get(&key) {
            Some(other) => {
                report
                    .error(
                        codes::ROUTE_CONFLICT,
                        &route.at,
                        format!("`{} {}` is the route of {} too", route.method, route.path, other.id),
                    )
                    .help("names of parameters make no difference: change the path or the method");
            }
            None => {
                seen.insert(key, op);
            }
        }
    }
}
