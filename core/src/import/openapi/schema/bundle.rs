//! A schema with the types that it needs, up to a bound.

use std::collections::HashSet;

use serde_json::Value;

use super::{Schema, Schemas, shrink};

/// A schema that stands for itself.
#[derive(Debug)]
pub(in super::super) struct Bundle {
    /// JSON text.
    pub(in super::super) text: String,
    /// Types that are left open because the whole would be too large.
    pub(in super::super) left_open: Vec<String>,
    /// The schema itself was too large, and its deep parts are left open.
    pub(in super::super) is_shrunk: bool,
}

impl Schemas<'_> {
    /// Puts the nearest types into the schema as long as they fit, and leaves the others open. Of a recursive type there is one.
    pub(in super::super) fn bundle(&mut self, mut schema: Schema, limit: usize) -> Bundle {
        if schema.value.is_null() {
            schema.value = serde_json::json!({});
        }
        let is_shrunk = shrink::to(&mut schema.value, limit);
        if is_shrunk {
            let names = shrink::references(&schema.value);
            schema.refers_to.retain(|index| names.contains(&self.components[*index].name));
        }
        let root = schema.value.to_string();
        let Value::Object(members) = &schema.value else {
            return Bundle { text: root, left_open: Vec::new(), is_shrunk };
        };

        let mut seen = HashSet::new();
        let mut waiting = self.fresh(&schema.refers_to, &seen);
        let mut size = root.len() + self.least(&waiting);
        seen.extend(waiting.iter().copied());
        let mut definitions = String::new();
        let mut left_open = Vec::new();
        let mut at = 0;
        while let Some(index) = waiting.get(at).copied() {
            at += 1;
            let (text, refers_to) = self.text(index);
            let (text_size, refers_to) = (text.len(), refers_to.to_vec());
            let fresh = self.fresh(&refers_to, &seen);
            let grown = size + text_size + self.least(&fresh);
            let fits = grown <= limit;
            if fits {
                size = grown;
                seen.extend(fresh.iter().copied());
                waiting.extend(fresh);
            } else {
                left_open.push(self.components[index].name.clone());
            }
            let separator = if definitions.is_empty() { "" } else { "," };
            let name = Value::from(self.components[index].name.as_str());
            let text = if fits { self.text(index).0 } else { "{}" };
            definitions.push_str(&format!("{separator}{name}:{text}"));
        }
        if definitions.is_empty() {
            return Bundle { text: root, left_open, is_shrunk };
        }
        let separator = if members.is_empty() { "" } else { "," };
        let text = format!("{}{separator}\"$defs\":{{{definitions}}}}}", &root[..root.len() - 1]);
        Bundle { text, left_open, is_shrunk }
    }

    /// Those types that are not yet spoken of, each once.
    fn fresh(&self, refers_to: &[usize], seen: &HashSet<usize>) -> Vec<usize> {
        let mut fresh = Vec::new();
        for index in refers_to {
            if !seen.contains(index) && !fresh.contains(index) {
                fresh.push(*index);
            }
        }
        fresh
    }

    /// Bytes of the least that can be said of types.
    fn least(&self, types: &[usize]) -> usize {
        types.iter().map(|index| self.components[*index].name.len() + 8).sum()
    }
}
