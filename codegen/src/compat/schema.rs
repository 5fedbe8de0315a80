//! Schemas then and now, keyword by keyword and all the way down.

use crate::{
    lower::canonical,
    model::{Model, SchemaKind, alternatives, kind, nullable},
    source::{Data, Node},
};

use super::{Changes, Rule, bounds, rules::Direction};

/// Deepest comparison; references cannot be circular, this only bounds the work.
const MAX_DEPTH: usize = 64;

/// Compares two schemas, each with the model that resolves its references.
pub(super) fn compare(
    old: (&Model, &Node),
    new: (&Model, &Node),
    direction: Direction,
    path: &str,
    changes: &mut Changes<'_>,
) {
    Comparison { old: old.0, new: new.0, direction, changes }.schema(old.1, new.1, path, 0);
}

struct Comparison<'a, 'b> {
    old: &'a Model,
    new: &'a Model,
    direction: Direction,
    changes: &'a mut Changes<'b>,
}

impl Comparison<'_, '_> {
    fn note(&mut self, rule: Rule, at: &crate::Span, message: String) {
        self.changes.note(rule, rule.judge(self.direction), at, message);
    }

    fn schema(&mut self, old: &Node, new: &Node, path: &str, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        self.annotations(old, new, path);
        let (old, new) = (self.old.follow(old), self.new.follow(new));
        let (before, after) = (kind(old), kind(new));
        if before != after {
            self.kinds(before, after, new, path);
            return;
        }
        if nullable(old) != nullable(new) {
            let rule = if nullable(new) { Rule::NullAdded } else { Rule::NullRemoved };
            self.note(
                rule,
                &new.at,
                format!("`{path}`: null is {} now", if nullable(new) { "allowed" } else { "refused" }),
            );
        }
        self.values(old, new, path);
        bounds::compare(old, new, self.direction, path, self.changes);
        match after {
            SchemaKind::Array => {
                if let (Some(then), Some(now)) = (old.get("items"), new.get("items")) {
                    self.schema(then, now, &format!("{path}[]"), depth + 1);
                }
            }
            SchemaKind::Object => self.object(old, new, path, depth),
            SchemaKind::Union => self.union(old, new, path, depth),
            _ => {}
        }
    }

    fn annotations(&mut self, old: &Node, new: &Node, path: &str) {
        let text = |node: Option<&Node>| node.map(|node| canonical(&node.to_json()));
        let (before, after) = (text(old.get("default")), text(new.get("default")));
        // A default that is new fills in what callers left out before.
        if before.is_some() && before != after {
            let at = new.get("default").map_or(&new.at, |node| &node.at);
            let shown = |text: Option<String>| text.unwrap_or_else(|| "absent".to_owned());
            self.note(
                Rule::DefaultChanged,
                at,
                format!("`{path}`: the default was {}, now {}", shown(before), shown(after)),
            );
        }
        let secret = |node: &Node| node.get("x-secret").is_some_and(Node::is_true);
        if secret(old) != secret(new) {
            self.note(Rule::SecretChanged, &new.at, format!("`{path}`: `x-secret` is now {}", secret(new)));
        }
    }

    fn kinds(&mut self, before: SchemaKind, after: SchemaKind, new: &Node, path: &str) {
        let rule = match (before, after) {
            (SchemaKind::Integer, SchemaKind::Number) | (_, SchemaKind::Any) => Rule::Widened,
            (SchemaKind::Number, SchemaKind::Integer) | (SchemaKind::Any, _) => Rule::Narrowed,
            _ => Rule::SchemaType,
        };
        let at = new.get("type").map_or(&new.at, |node| &node.at);
        self.note(rule, at, format!("`{path}`: was {}, now {}", before.as_str(), after.as_str()));
    }

    fn values(&mut self, old: &Node, new: &Node, path: &str) {
        let texts = |node: &Node| {
            alternatives(node)
                .map(|values| values.into_iter().map(|v| canonical(&v.to_json())).collect::<Vec<_>>())
        };
        match (texts(old), texts(new)) {
            (None, Some(_)) => {
                self.note(Rule::Narrowed, &new.at, format!("`{path}`: only certain values now"))
            }
            (Some(_), None) => self.note(Rule::Widened, &new.at, format!("`{path}`: any value now")),
            (Some(before), Some(after)) => {
                for value in before.iter().filter(|value| !after.contains(value)) {
                    self.note(Rule::ValueRemoved, &new.at, format!("`{path}`: the value {value} is gone"));
                }
                for value in after.iter().filter(|value| !before.contains(value)) {
                    self.note(Rule::ValueAdded, &new.at, format!("`{path}`: the value {value} is new"));
                }
            }
            (None, None) => {}
        }
    }

    fn object(&mut self, old: &Node, new: &Node, path: &str, depth: usize) {
        let properties =
            |node: &'_ Node| node.get("properties").map(Node::entries).unwrap_or_default().to_vec();
        let (before, after) = (properties(old), properties(new));
        for entry in &before {
            let path = format!("{path}.{}", entry.key);
            let Some(now) = after.iter().find(|now| now.key == entry.key) else {
                let at = new.get("properties").map_or(&new.at, |node| &node.at);
                self.note(Rule::PropertyRemoved, at, format!("`{path}` is gone"));
                continue;
            };
            match (is_required(old, &entry.key), is_required(new, &entry.key)) {
                (false, true) => {
                    self.note(Rule::NowRequired, &now.key_at, format!("`{path}` is required now"))
                }
                (true, false) => {
                    self.note(Rule::NowOptional, &now.key_at, format!("`{path}` is optional now"))
                }
                _ => {}
            }
            self.schema(&entry.value, &now.value, &path, depth + 1);
        }
        for entry in after.iter().filter(|entry| !before.iter().any(|old| old.key == entry.key)) {
            let path = format!("{path}.{}", entry.key);
            if is_required(new, &entry.key) {
                self.note(Rule::RequiredAdded, &entry.key_at, format!("`{path}` is new and required"));
            } else {
                self.note(Rule::OptionalAdded, &entry.key_at, format!("`{path}` is new and optional"));
            }
        }
        self.additional(old, new, path, depth);
    }

    fn additional(&mut self, old: &Node, new: &Node, path: &str, depth: usize) {
        let (before, after) = (old.get("additionalProperties"), new.get("additionalProperties"));
        let at = after.map_or(&new.at, |node| &node.at);
        let closed = |node: Option<&Node>| matches!(node.map(|node| &node.data), Some(Data::Bool(false)));
        let schema = |node: Option<&Node>| node.is_some_and(|node| matches!(node.data, Data::Map(_)));
        match (before, after) {
            (Some(then), Some(now)) if schema(before) && schema(after) => {
                self.schema(then, now, &format!("{path}.*"), depth + 1);
            }
            _ if closed(before) == closed(after) && schema(before) == schema(after) => {}
            _ if closed(after) || (schema(after) && !closed(before)) => {
                self.note(Rule::Closed, at, format!("`{path}`: fewer additional properties are allowed"));
            }
            _ => self.note(Rule::Opened, at, format!("`{path}`: more additional properties are allowed")),
        }
    }

    fn union(&mut self, old: &Node, new: &Node, path: &str, depth: usize) {
        let (before, after) = (branches(self.old, old), branches(self.new, new));
        if self.old.tag_name(old) != self.new.tag_name(new) {
            self.note(Rule::SchemaType, &new.at, format!("`{path}`: the tag of the union is another"));
            return;
        }
        for (tag, branch) in &before {
            match after.iter().find(|(now, _)| now == tag) {
                Some((_, now)) => self.schema(branch, now, &format!("{path}<{tag}>"), depth + 1),
                None => {
                    self.note(Rule::ValueRemoved, &new.at, format!("`{path}`: the branch `{tag}` is gone"))
                }
            }
        }
        for (tag, branch) in after.iter().filter(|(tag, _)| !before.iter().any(|(old, _)| old == tag)) {
            self.note(Rule::ValueAdded, &branch.at, format!("`{path}`: the branch `{tag}` is new"));
        }
    }
}

fn is_required(schema: &Node, name: &str) -> bool {
    schema.get("required").map(Node::items).unwrap_or_default().iter().any(|item| item.as_str() == Some(name))
}

fn branches(model: &Model, union: &Node) -> Vec<(String, Node)> {
    let written = union.get("oneOf").map(Node::items).unwrap_or_default();
    let tagged = |branch: &Node| {
        let (_, tag) = model.tag(union, branch)?;
        Some((tag, model.follow(branch).clone()))
    };
    written.iter().filter_map(tagged).collect()
}
