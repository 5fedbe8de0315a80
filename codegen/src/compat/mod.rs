//! Changes of the contract between two states of the sources, judged for callers and for implementers.
//!
//! Callers are whoever calls an operation and followed the old contract. Implementers are whoever serves
//! it: the hub's own handlers are compiled against the contract and so always follow it; spokes in the
//! field do not.

mod access;
mod bounds;
mod catalogue;
mod operation;
mod render;
mod rules;
mod schema;
mod version;

use std::collections::BTreeMap;

use crate::{
    diagnostic::Span,
    model::{Host, Model, Operation},
};

pub use render::{human, json};
pub use rules::{Judgement, Level, Rule};

/// One change.
#[derive(Clone, Debug)]
pub struct Change {
    /// The operation, or `errors.CODE`.
    pub subject: String,
    /// What kind of change it is.
    pub rule: Rule,
    /// What it means.
    pub judgement: Judgement,
    /// What changed.
    pub message: String,
    /// Where: in the new state, or in the old one for what is gone.
    pub at: Span,
    /// The operation's major version was raised, so that a break is announced.
    pub versioned: bool,
}

impl Change {
    /// Whether the change must not be made as it is.
    #[must_use]
    pub fn is_unversioned_break(&self) -> bool {
        self.judgement.worst() == Level::Breaking && !self.versioned
    }
}

/// Collects the changes of one subject.
struct Changes<'a> {
    subject: String,
    host: Host,
    versioned: bool,
    list: &'a mut Vec<Change>,
}

impl Changes<'_> {
    fn note(&mut self, rule: Rule, judgement: Judgement, at: &Span, message: String) {
        let judgement = match self.host {
            Host::Hub => Judgement { implementers: Level::Safe, ..judgement },
            Host::Spoke => judgement,
        };
        let (subject, versioned) = (self.subject.clone(), self.versioned);
        self.list.push(Change { subject, rule, judgement, message, at: at.clone(), versioned });
    }
}

/// Every change from one model to another, the worst first.
#[must_use]
pub fn compare(old: &Model, new: &Model) -> Vec<Change> {
    let mut list = Vec::new();
    let by_id = |model: &Model| -> BTreeMap<String, Operation> {
        model.operations.iter().map(|op| (op.id.clone(), op.clone())).collect()
    };
    let (before, after) = (by_id(old), by_id(new));
    for (id, op) in &before {
        let versioned = after.get(id).is_some_and(|now| version::raised(&op.version, &now.version));
        let mut changes = Changes { subject: id.clone(), host: op.host, versioned, list: &mut list };
        match after.get(id) {
            Some(now) => operation::compare(old, op, new, now, &mut changes),
            None => operation::removed(
                op,
                after.values().filter(|now| !before.contains_key(&now.id)),
                &mut changes,
            ),
        }
    }
    for (id, op) in after.iter().filter(|(id, _)| !before.contains_key(*id)) {
        let mut changes = Changes { subject: id.clone(), host: op.host, versioned: false, list: &mut list };
        let message = format!("the operation `{id}` is new");
        changes.note(Rule::OperationAdded, Judgement::SAFE, op.at("type"), message);
    }
    catalogue::compare(old, new, &mut list);
    list.sort_by(|a, b| {
        (b.judgement.worst(), &a.subject, &a.at, &a.message).cmp(&(
            a.judgement.worst(),
            &b.subject,
            &b.at,
            &b.message,
        ))
    });
    list
}
