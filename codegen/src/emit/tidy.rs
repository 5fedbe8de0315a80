//! Makes generated code pleasant to read: short names where nothing shadows them, air between items.

use std::collections::BTreeSet;

use quote::ToTokens;
use syn::{
    Attribute, File, Ident, Item, Meta, Path,
    visit_mut::{VisitMut, visit_attribute_mut, visit_path_mut},
};

/// Paths whose last name is in the prelude.
const PRELUDE: &[&[&str]] = &[
    &["option", "Option", "Some"],
    &["option", "Option", "None"],
    &["option", "Option"],
    &["string", "String"],
    &["vec", "Vec"],
    &["result", "Result"],
    &["default", "Default"],
];

/// Shortens paths into the prelude.
pub(super) fn shorten(file: &mut File) {
    let mut names = Shorten { shadowed: file.items.iter().filter_map(name).collect() };
    names.visit_file_mut(file);
}

fn name(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        Item::Type(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

struct Shorten {
    shadowed: BTreeSet<String>,
}

impl Shorten {
    /// Which segment of the path can be its first.
    fn start(&self, path: &Path) -> Option<usize> {
        path.leading_colon?;
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let (first, rest) = names.split_first()?;
        if first != "std" && first != "core" {
            return None;
        }
        let known = PRELUDE
            .iter()
            .find(|known| rest.len() >= known.len() && rest.iter().zip(**known).all(|(a, b)| a == b))?;
        let last = known.last()?;
        (!self.shadowed.contains(*last)).then_some(known.len())
    }
}

impl VisitMut for Shorten {
    /// typify does not know this keyword of edition 2024.
    fn visit_ident_mut(&mut self, ident: &mut Ident) {
        if ident == "gen" {
            *ident = Ident::new_raw("gen", ident.span());
        }
    }

    fn visit_path_mut(&mut self, path: &mut Path) {
        if let Some(start) = self.start(path) {
            path.leading_colon = None;
            path.segments = std::mem::take(&mut path.segments).into_iter().skip(start).collect();
        } else if path.leading_colon.is_none() && path.to_token_stream().to_string() == "Default :: default" {
            // typify assumes that nothing is called `Default`.
            if self.shadowed.contains("Default") {
                *path = syn::parse_quote!(::core::default::Default::default);
            }
        }
        visit_path_mut(self, path);
    }

    /// serde is told paths in strings.
    fn visit_attribute_mut(&mut self, attr: &mut Attribute) {
        if let Meta::List(list) = &mut attr.meta
            && list.path.is_ident("serde")
            && !self.shadowed.contains("Option")
        {
            let short =
                list.tokens.to_string().replace("\"::std::option::Option::is_none\"", "\"Option::is_none\"");
            list.tokens = short.parse().unwrap_or_else(|_| std::mem::take(&mut list.tokens));
        }
        visit_attribute_mut(self, attr);
    }
}

/// Puts a blank line before each item that follows the end of another.
pub(super) fn space(code: &str) -> String {
    let mut out = String::with_capacity(code.len() + code.len() / 20);
    let mut before = "";
    for line in code.lines() {
        let starts = ["///", "#[", "pub ", "impl ", "mod "].iter().any(|start| line.starts_with(start));
        let ended = ["}", "};", "];", ">;"].contains(&before)
            || before.starts_with("//!")
            || before.starts_with("#![")
            || before.ends_with(" {}");
        let single = before.starts_with("pub ") && before.ends_with(';') && !line.starts_with("pub ");
        if starts && (ended || single) || line.starts_with("pub use ") && before.starts_with("pub mod ") {
            out.push('\n');
        }
        out.push_str(line);
        out.push('\n');
        before = line;
    }
    out
}
