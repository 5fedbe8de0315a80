//! The error catalogue then and now. What an error is concerns each operation that declares it.

use crate::model::{ErrorDef, Host, Model};

use super::{Change, Changes, Judgement, Rule, rules::Direction, schema, version};

pub(super) fn compare(old: &Model, new: &Model, list: &mut Vec<Change>) {
    for before in &old.errors {
        match new.error(&before.code) {
            Some(after) => changed(old, before, new, after, list),
            // An operation that declared it has changed too, and says so.
            None if before.infrastructure => {
                let subject = format!("errors.{}", before.code);
                let mut changes = Changes { subject, host: Host::Hub, versioned: false, list };
                let message = format!("the infrastructure error `{}` is gone", before.code);
                changes.note(Rule::ErrorChanged, Judgement::BREAKING, &before.at, message);
            }
            None => {}
        }
    }
}

fn changed(old: &Model, before: &ErrorDef, new: &Model, after: &ErrorDef, list: &mut Vec<Change>) {
    let mut subject = Changes {
        subject: format!("errors.{}", before.code),
        host: Host::Hub,
        versioned: is_versioned(&before.code, old, new),
        list,
    };
    if before.status != after.status {
        let message = format!("the status was {}, now {}", before.status, after.status);
        subject.note(Rule::ErrorChanged, Judgement::BREAKING, &after.at, message);
    }
    match (&before.details, &after.details) {
        (Some(then), Some(now)) => {
            schema::compare((old, then), (new, now), Direction::Output, "details", &mut subject);
        }
        (Some(_), None) => {
            subject.note(
                Rule::ErrorChanged,
                Judgement::BREAKING,
                &after.at,
                "the details are gone".to_owned(),
            );
        }
        (None, Some(now)) => {
            subject.note(Rule::ErrorChanged, Judgement::SAFE, &now.at, "there are details now".to_owned());
        }
        (None, None) => {}
    }
}

/// Whether every operation that declares the code has announced a break.
fn is_versioned(code: &str, old: &Model, new: &Model) -> bool {
    let mut declaring =
        old.operations.iter().filter(|op| op.errors.iter().any(|word| word.text == code)).peekable();
    declaring.peek().is_some()
        && declaring.all(|op| {
            let now = new.operations.iter().find(|now| now.id == op.id);
            now.is_none_or(|now| version::raised(&op.version, &now.version))
        })
}
