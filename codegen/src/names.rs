//! Names in Rust made from names in YAML.

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};

/// Keywords that cannot even be raw identifiers.
const NEVER_RAW: &[&str] = &["self", "super", "crate", "Self", "_"];

/// An identifier, escaped where the name is a keyword.
#[must_use]
pub fn ident(name: &str) -> Ident {
    if NEVER_RAW.contains(&name) {
        return Ident::new(&format!("{name}_"), Span::call_site());
    }
    match syn::parse_str::<Ident>(name) {
        // syn does not know this keyword of edition 2024.
        Ok(ident) if ident != "gen" => ident,
        _ => Ident::new_raw(name, Span::call_site()),
    }
}

/// The module of an operation, also its file's stem: `listForUser` is `list_for_user`.
#[must_use]
pub fn module(name: &str) -> String {
    match name.to_snake_case().as_str() {
        // `mod.rs` is the namespace's own file; the others cannot be identifiers at all.
        reserved @ ("mod" | "self" | "super" | "crate") => format!("{reserved}_"),
        snake => snake.to_owned(),
    }
}

/// The marker type of an operation, the variant of an error code.
#[must_use]
pub fn upper_camel(name: &str) -> String {
    match name.to_upper_camel_case().as_str() {
        "Self" => "Self_".to_owned(),
        camel => camel.to_owned(),
    }
}

/// The field or variant that typify will make of a name, close enough to find collisions; `None` if
/// nothing is left of it.
#[must_use]
pub fn field(name: &str) -> Option<String> {
    let kept = name.replace('\'', "").replace(|c: char| !c.is_alphanumeric() && c != '_', "-");
    Some(kept.to_snake_case()).filter(|snake| !snake.is_empty())
}

/// Words for people: `listForUser` is `List for user`.
#[must_use]
pub fn title(name: &str) -> String {
    let words = name.to_snake_case().replace('_', " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
