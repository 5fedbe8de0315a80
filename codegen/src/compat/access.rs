//! What the caller must hold, then and now.

use crate::model::{Operation, Word};

use super::{Changes, Judgement, Rule};

pub(super) fn compare(before: &Operation, after: &Operation, changes: &mut Changes<'_>) {
    let (old, new) = (&before.access, &after.access);
    let at = after.at("access");
    let missing = |from: &[Word], word: &Word| !from.iter().any(|other| other.text == word.text);
    for word in new.required_scopes.iter().filter(|word| missing(&old.required_scopes, word)) {
        let message = format!("demands the scope `{}`", word.text);
        changes.note(Rule::AccessRaised, Judgement::BREAKING, &word.at, message);
    }
    for word in old.required_scopes.iter().filter(|word| missing(&new.required_scopes, word)) {
        let message = format!("demands the scope `{}` no longer", word.text);
        changes.note(Rule::AccessLowered, Judgement::RISKY, at, message);
    }
    any(&old.required_scopes_any, &new.required_scopes_any, at, changes);
    let demand = |op: &Operation| {
        let text = |word: &Option<Word>| word.as_ref().map(|word| word.text.clone());
        (text(&op.access.resource_type), text(&op.access.resource_action))
    };
    match (demand(before), demand(after)) {
        (old, new) if old == new => {}
        (_, (None, None)) => {
            let message = "demands no resource any more".to_owned();
            changes.note(Rule::AccessLowered, Judgement::RISKY, at, message);
        }
        _ => changes.note(Rule::AccessRaised, Judgement::BREAKING, at, "demands another resource".to_owned()),
    }
}

/// An empty list demands nothing; otherwise every scope in it is a way in.
fn any(old: &[Word], new: &[Word], at: &crate::Span, changes: &mut Changes<'_>) {
    if new.is_empty() {
        if !old.is_empty() {
            let message = "demands none of its alternative scopes any more".to_owned();
            changes.note(Rule::AccessLowered, Judgement::RISKY, at, message);
        }
        return;
    }
    if old.is_empty() {
        changes.note(Rule::AccessRaised, Judgement::BREAKING, at, "demands one of several scopes".to_owned());
        return;
    }
    for word in old.iter().filter(|word| !new.iter().any(|other| other.text == word.text)) {
        let message = format!("the scope `{}` is not enough any more", word.text);
        changes.note(Rule::AccessRaised, Judgement::BREAKING, at, message);
    }
    for word in new.iter().filter(|word| !old.iter().any(|other| other.text == word.text)) {
        let message = format!("the scope `{}` is enough", word.text);
        changes.note(Rule::AccessLowered, Judgement::RISKY, &word.at, message);
    }
}
