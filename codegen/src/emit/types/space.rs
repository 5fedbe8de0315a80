//! typify, wrapped so that what it cannot do is an error and never a panic.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use schemars::schema::Schema;
use serde_json::Value;
use typify::{TypeSpace, TypeSpaceSettings};

/// The types of these shapes; references go to the module `shared` below `root`.
pub(super) fn print(
    root: &str,
    shapes: Vec<(String, Value)>,
    references: &BTreeSet<String>,
) -> Result<syn::File, String> {
    match catch_unwind(AssertUnwindSafe(|| run(root, shapes, references))) {
        Ok(result) => result,
        Err(_) => Err("typify panicked".to_owned()),
    }
}

fn run(root: &str, shapes: Vec<(String, Value)>, references: &BTreeSet<String>) -> Result<syn::File, String> {
    let mut settings = TypeSpaceSettings::default();
    settings.with_map_type("::std::collections::BTreeMap").with_derive("PartialEq".to_owned());
    for name in references {
        settings.with_replacement(name, format!("{root}::shared::{name}"), std::iter::empty());
    }
    let mut space = TypeSpace::new(&settings);
    let definitions = references.iter().map(|name| (name.clone(), Schema::Bool(true)));
    space.add_ref_types(definitions).map_err(|error| error.to_string())?;
    let mut aliases = TokenStream::new();
    for (name, shape) in shapes {
        let schema: Schema = serde_json::from_value(shape).map_err(|error| error.to_string())?;
        let id = space.add_type_with_name(&schema, Some(name.clone())).map_err(|error| error.to_string())?;
        let made = space.get_type(&id).map_err(|error| error.to_string())?;
        let (ident, made) = (format_ident!("{name}"), made.ident());
        if made.to_string() != name {
            aliases.extend(quote!(pub type #ident = #made;));
        }
    }
    let types = space.to_stream();
    syn::parse2(quote!(#aliases #types)).map_err(|error| error.to_string())
}
