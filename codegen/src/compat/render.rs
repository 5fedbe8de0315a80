//! Changes as text and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Change, Level};

/// One line a change, and a summary.
#[must_use]
pub fn human(changes: &[Change]) -> String {
    let mut out = String::new();
    for change in changes {
        let Change { subject, rule, judgement, message, at, versioned } = change;
        let worst = judgement.worst();
        let note = match (worst, judgement.implementers) {
            (Level::Breaking, _) if *versioned => " (announced by a new version)",
            (Level::Breaking | Level::Risky, implementers) if implementers > judgement.callers => {
                " (for implementers)"
            }
            _ => "",
        };
        let _ = writeln!(
            out,
            "{}:{}:{}: {}[{}]: {subject}: {message}{note}",
            at.file,
            at.line,
            at.column,
            worst.as_str(),
            rule.as_str(),
        );
    }
    let count = |level: Level| changes.iter().filter(|change| change.judgement.worst() == level).count();
    let _ = writeln!(
        out,
        "{} breaking, {} risky, {} safe",
        count(Level::Breaking),
        count(Level::Risky),
        count(Level::Safe)
    );
    if changes.iter().any(Change::is_unversioned_break) {
        out.push_str(
            "help: raise the major `version` of an operation whose contract breaks, or keep the contract\n",
        );
    }
    out
}

/// The changes as data.
#[must_use]
pub fn json(changes: &[Change]) -> Value {
    let one = |change: &Change| {
        json!({
            "subject": change.subject,
            "rule": change.rule.as_str(),
            "level": change.judgement.worst(),
            "callers": change.judgement.callers,
            "implementers": change.judgement.implementers,
            "message": change.message,
            "file": &*change.at.file,
            "line": change.at.line,
            "column": change.at.column,
            "versioned": change.versioned,
        })
    };
    changes.iter().map(one).collect()
}
