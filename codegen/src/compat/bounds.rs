//! Bounds then and now.

use crate::{
    lower::SAFE_INTEGER,
    model::{SchemaKind, alternatives, kind},
    source::Node,
};

use super::{Changes, Rule, rules::Direction};

/// Bounds below, and bounds above.
const LOWER: &[&str] = &["minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum"];
const UPPER: &[&str] = &["maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"];
/// What is not a matter of more or less.
const FORMS: &[&str] = &["pattern", "format", "multipleOf"];

pub(super) fn compare(old: &Node, new: &Node, direction: Direction, path: &str, changes: &mut Changes<'_>) {
    let keys = LOWER.iter().map(|key| (*key, 1.0)).chain(UPPER.iter().map(|key| (*key, -1.0)));
    for (key, sign) in keys {
        let (before, after) = (bound(old, key), bound(new, key));
        // Times the sign, more is always tighter, and no bound is the loosest.
        let tightness = |bound: Option<f64>| bound.map_or(f64::NEG_INFINITY, |bound| bound * sign);
        let rule = match tightness(after).partial_cmp(&tightness(before)) {
            Some(std::cmp::Ordering::Greater) => Rule::Narrowed,
            Some(std::cmp::Ordering::Less) => Rule::Widened,
            _ => continue,
        };
        let at = new.get(key).map_or(&new.at, |node| &node.at);
        let shown = |bound: Option<f64>| bound.map_or_else(|| "absent".to_owned(), |bound| bound.to_string());
        let message = format!("`{path}`: `{key}` was {}, now {}", shown(before), shown(after));
        changes.note(rule, rule.judge(direction), at, message);
    }
    for key in FORMS {
        form(old, new, key, direction, path, changes);
    }
    let unique = |node: &Node| node.get("uniqueItems").is_some_and(Node::is_true);
    if unique(old) != unique(new) {
        let rule = if unique(new) { Rule::Narrowed } else { Rule::Widened };
        let at = new.get("uniqueItems").map_or(&new.at, |node| &node.at);
        let message = format!("`{path}`: `uniqueItems` is now {}", unique(new));
        changes.note(rule, rule.judge(direction), at, message);
    }
}

/// The bound as it is enforced: an integer is bounded without saying so.
#[allow(clippy::cast_precision_loss, reason = "a bound is only compared")]
fn bound(schema: &Node, key: &str) -> Option<f64> {
    let number = |key: &str| schema.get(key).and_then(Node::as_number);
    let implied = kind(schema) == SchemaKind::Integer && alternatives(schema).is_none();
    match key {
        "minimum" if implied && number("exclusiveMinimum").is_none() => {
            number(key).or(Some(-(SAFE_INTEGER as f64)))
        }
        "maximum" if implied && number("exclusiveMaximum").is_none() => {
            number(key).or(Some(SAFE_INTEGER as f64))
        }
        _ => number(key),
    }
}

fn form(old: &Node, new: &Node, key: &str, direction: Direction, path: &str, changes: &mut Changes<'_>) {
    let text = |node: &Node| node.get(key).map(|value| value.to_json().to_string());
    let (before, after) = (text(old), text(new));
    let rule = match (&before, &after) {
        (before, after) if before == after => return,
        (None, Some(_)) => Rule::Narrowed,
        (Some(_), None) => Rule::Widened,
        _ => Rule::FormChanged,
    };
    let shown = |text: Option<String>| text.unwrap_or_else(|| "absent".to_owned());
    let at = new.get(key).map_or(&new.at, |node| &node.at);
    let message = format!("`{path}`: `{key}` was {}, now {}", shown(before), shown(after));
    changes.note(rule, rule.judge(direction), at, message);
}
