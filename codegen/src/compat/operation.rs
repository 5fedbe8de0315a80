//! One operation then and now.

use crate::model::{Mcp, Model, Operation};

use super::{Changes, Judgement, Level, Rule, access, rules::Direction, schema, version};

/// The operation is gone; perhaps it has another name now.
pub(super) fn removed<'a>(
    op: &Operation,
    added: impl Iterator<Item = &'a Operation>,
    changes: &mut Changes<'_>,
) {
    let route = |op: &Operation| op.http.as_ref().map(|route| (route.method.clone(), route.shape()));
    let same = |now: &&Operation| now.title == op.title || (op.http.is_some() && route(now) == route(op));
    match added.into_iter().find(same) {
        Some(now) => {
            let message = format!("the operation `{}` is now called `{}`", op.id, now.id);
            changes.note(Rule::OperationRenamed, Judgement::BREAKING_ALL, now.at("type"), message);
        }
        None => {
            let message = format!("the operation `{}` is gone", op.id);
            changes.note(
                Rule::OperationRemoved,
                Judgement::new(Level::Breaking, Level::Risky),
                op.at("type"),
                message,
            );
        }
    }
}

/// Compares all but documentation.
pub(super) fn compare(
    old: &Model,
    before: &Operation,
    new: &Model,
    after: &Operation,
    changes: &mut Changes<'_>,
) {
    if before.kind != after.kind {
        let message = format!("a {} became a {}", before.kind.as_str(), after.kind.as_str());
        changes.note(Rule::TypeChanged, Judgement::BREAKING_ALL, after.at("type"), message);
    }
    if before.host != after.host {
        let message =
            format!("served by the {} instead of the {}", after.host.as_str(), before.host.as_str());
        changes.note(Rule::HostChanged, Judgement::BREAKING_ALL, after.at("host"), message);
    }
    if version::lowered(&before.version, &after.version) {
        let message = format!("the version went down from {} to {}", before.version, after.version);
        changes.note(Rule::VersionLowered, Judgement::RISKY, after.at("version"), message);
    }
    if before.page != after.page {
        let message =
            if after.page { "the answer comes in pages now" } else { "the answer comes in pages no longer" };
        changes.note(Rule::PagingChanged, Judgement::BREAKING_ALL, after.at("page"), message.to_owned());
    }
    route(before, after, changes);
    access::compare(before, after, changes);
    errors(before, after, changes);
    timeout(before, after, changes);
    manners(before, after, changes);
    schema::compare((old, &before.input), (new, &after.input), Direction::Input, "input", changes);
    schema::compare((old, &before.output), (new, &after.output), Direction::Output, "output", changes);
}

fn route(before: &Operation, after: &Operation, changes: &mut Changes<'_>) {
    let at = after.at("http");
    match (&before.http, &after.http) {
        (Some(old), Some(new)) if old.method != new.method || old.shape() != new.shape() => {
            let message = format!("the route was `{} {}`", old.method, old.path);
            changes.note(Rule::RouteChanged, Judgement::BREAKING, at, message);
        }
        (Some(old), None) => {
            let message = format!("the route `{} {}` is gone", old.method, old.path);
            changes.note(Rule::RouteRemoved, Judgement::BREAKING, at, message);
        }
        (None, Some(new)) => {
            let message = format!("the route `{} {}` is new", new.method, new.path);
            changes.note(Rule::RouteAdded, Judgement::SAFE, at, message);
        }
        _ => {}
    }
}

fn errors(before: &Operation, after: &Operation, changes: &mut Changes<'_>) {
    for word in &after.errors {
        if !before.any_error && !before.errors.iter().any(|old| old.text == word.text) {
            let message = format!("may answer with `{}`", word.text);
            changes.note(Rule::ErrorAdded, Judgement::RISKY, &word.at, message);
        }
    }
    for word in &before.errors {
        if !after.any_error && !after.errors.iter().any(|new| new.text == word.text) {
            let message = format!("answers with `{}` no longer", word.text);
            let judgement = Judgement::new(Level::Safe, Level::Risky);
            changes.note(Rule::ErrorRemoved, judgement, after.at("errors"), message);
        }
    }
    if after.any_error && !before.any_error {
        let message = "may answer with errors of other operations".to_owned();
        changes.note(Rule::ErrorAdded, Judgement::RISKY, after.at("errors"), message);
    }
}

fn timeout(before: &Operation, after: &Operation, changes: &mut Changes<'_>) {
    let at = after.at("timeout");
    let shown = |ms: Option<u64>| ms.map_or_else(|| "the default".to_owned(), |ms| format!("{ms} ms"));
    if before.timeout_ms == after.timeout_ms {
        return;
    }
    let message = format!("the timeout was {}, now {}", shown(before.timeout_ms), shown(after.timeout_ms));
    let longer = matches!((before.timeout_ms, after.timeout_ms), (Some(old), Some(new)) if new > old);
    match longer {
        true => changes.note(Rule::TimeoutLengthened, Judgement::SAFE, at, message),
        false => changes.note(Rule::TimeoutShortened, Judgement::RISKY, at, message),
    }
}

fn manners(before: &Operation, after: &Operation, changes: &mut Changes<'_>) {
    match (before.idempotent, after.idempotent) {
        (true, false) => {
            let message = "honours idempotency keys no longer".to_owned();
            changes.note(Rule::IdempotencyRemoved, Judgement::BREAKING, after.at("idempotent"), message);
        }
        (false, true) => {
            let message = "honours idempotency keys".to_owned();
            let judgement = Judgement::new(Level::Safe, Level::Breaking);
            changes.note(Rule::IdempotencyAdded, judgement, after.at("idempotent"), message);
        }
        _ => {}
    }
    if before.mcp != after.mcp {
        let judgement = match (before.mcp, after.mcp) {
            (Mcp::Tool, _) => Judgement::BREAKING,
            (_, Mcp::Hidden) => Judgement::BREAKING,
            _ => Judgement::SAFE,
        };
        let message = format!("mcp was {}, now {}", before.mcp.as_str(), after.mcp.as_str());
        changes.note(Rule::McpChanged, judgement, after.at("mcp"), message);
    }
}
