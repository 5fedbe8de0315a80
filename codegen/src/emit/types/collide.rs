//! A last look at what typify made: nothing may occur twice.

use std::collections::BTreeSet;

use syn::{Fields, File, Item};

use crate::diagnostic::{Report, Span, codes};

/// Reports names that occur twice in the file, in a struct or in an enum.
pub(super) fn check(file: &File, at: &Span, report: &mut Report) {
    let mut types = BTreeSet::new();
    for item in &file.items {
        let (name, members): (String, Vec<String>) = match item {
            Item::Struct(item) => (item.ident.to_string(), fields(&item.fields)),
            Item::Enum(item) => {
                for variant in &item.variants {
                    twice(&format!("{}::{}", item.ident, variant.ident), fields(&variant.fields), at, report);
                }
                (item.ident.to_string(), item.variants.iter().map(|v| v.ident.to_string()).collect())
            }
            Item::Type(item) => (item.ident.to_string(), Vec::new()),
            _ => continue,
        };
        twice(&name, members, at, report);
        if !types.insert(name.clone()) {
            report.error(codes::COLLISION, at, format!("two schemas become the Rust type `{name}`"));
        }
    }
}

fn fields(fields: &Fields) -> Vec<String> {
    fields.iter().filter_map(|field| field.ident.as_ref()).map(ToString::to_string).collect()
}

fn twice(owner: &str, members: Vec<String>, at: &Span, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for member in members {
        if seen.contains(&member) {
            report.error(codes::COLLISION, at, format!("`{owner}` would have `{member}` twice"));
        }
        seen.insert(member);
    }
}
