//! Tagged unions.

use crate::source::Node;

use super::{Model, SchemaKind, alternatives, kind};

impl Model {
    /// The tag property of a union and its value in one branch.
    #[must_use]
    pub fn tag(&self, union: &Node, branch: &Node) -> Option<(String, String)> {
        let tag = self.tag_name(union)?;
        let value = tag_value(self.follow(branch), &tag)?;
        Some((tag, value))
    }

    /// The first property, in the order of the first branch, that every branch requires with a value of
    /// its own.
    #[must_use]
    pub fn tag_name(&self, union: &Node) -> Option<String> {
        let branches: Vec<&Node> =
            union.get("oneOf")?.items().iter().map(|branch| self.follow(branch)).collect();
        let candidates = branches.first()?.get("properties")?.entries();
        let tags = |name: &str| {
            let mut values: Vec<String> =
                branches.iter().filter_map(|branch| tag_value(branch, name)).collect();
            let all = values.len() == branches.len();
            values.sort();
            values.dedup();
            all && values.len() == branches.len()
        };
        candidates.iter().map(|entry| &entry.key).find(|name| tags(name)).cloned()
    }
}

fn tag_value(branch: &Node, name: &str) -> Option<String> {
    let required = branch.get("required")?.items().iter().any(|item| item.as_str() == Some(name));
    let property = branch.get("properties")?.get(name)?;
    if !required || kind(property) != SchemaKind::String {
        return None;
    }
    match alternatives(property)?.as_slice() {
        [value] => value.as_str().map(str::to_owned),
        _ => None,
    }
}
