//! A route agrees with its operation's type, and its parameters with its input.

use crate::{
    diagnostic::{Report, codes},
    model::{Host, Kind, Model, Operation, Route, kind, nullable},
    source::Node,
    suggest,
};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in &model.operations {
        match &op.http {
            Some(route) => {
                method(op, route, report);
                parameters(model, op, route, report);
            }
            None if op.host == Host::Hub && op.node.get("http").is_none() => {
                report
                    .error(
                        codes::MISSING_KEY,
                        op.at("type"),
                        "an operation of the hub says where it is on REST",
                    )
                    .help("add `http: POST /api/...`, or `http: none`");
            }
            None => {}
        }
    }
}

fn method(op: &Operation, route: &Route, report: &mut Report) {
    let allowed: &[&str] = match op.kind {
        Kind::Query | Kind::Subscription => &["GET", "POST"],
        Kind::Mutation => &["POST", "PUT", "PATCH", "DELETE"],
    };
    if !allowed.contains(&route.method.as_str()) {
        report
            .error(
                codes::ROUTE_METHOD,
                &route.at,
                format!("a {} is not served by {}", op.kind.as_str(), route.method),
            )
            .help(format!("use {}", allowed.join(" or ")));
    }
}

fn parameters(model: &Model, op: &Operation, route: &Route, report: &mut Report) {
    let properties = op.input.get("properties").map(Node::entries).unwrap_or_default();
    let required = op.input.get("required").map(Node::items).unwrap_or_default();
    let names: Vec<&str> = properties.iter().map(|entry| entry.key.as_str()).collect();
    for name in &route.parameters {
        let mut fault = |message: String, help: String| {
            report.error(codes::ROUTE_PARAMETER, &route.at, message).help(help);
        };
        let Some(entry) = properties.iter().find(|entry| entry.key == *name) else {
            fault(format!("the input has no property `{name}`"), suggest::help(name, &names));
            continue;
        };
        if !required.iter().any(|item| item.as_str() == Some(name)) {
            fault(
                format!("the path parameter `{name}` is not required"),
                format!("add `{name}` to `required`"),
            );
        }
        let schema = model.follow(&entry.value);
        if !kind(schema).is_scalar() || nullable(schema) {
            fault(
                format!("the path parameter `{name}` is not a scalar"),
                "make it a string, an integer, a number or a boolean".to_owned(),
            );
        }
    }
}
