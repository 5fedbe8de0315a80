//! Rust types of schemas: the shape goes through typify, and what comes out is trimmed.

mod clean;
mod collide;
mod debug;
mod marks;
mod shape;
mod space;

use proc_macro2::TokenStream;

use crate::{
    diagnostic::{Report, Span, codes},
    model::Model,
    source::Node,
};

use super::Options;

/// A property that each branch of a union gets and its variant loses again: without it typify would make
/// another kind of enum of branches that happen to have one property beside the tag, or none.
const FILLER: &str = "codegen_filler";

/// A type that is wanted by name.
pub(super) struct Wanted<'a> {
    /// Its name.
    pub(super) name: String,
    /// Its schema.
    pub(super) schema: &'a Node,
}

/// The types, and those that they consist of. `taken` are names that the module uses for other things.
pub(super) fn print(
    model: &Model,
    options: &Options,
    wanted: &[Wanted<'_>],
    taken: &[(&str, &Span)],
    report: &mut Report,
) -> TokenStream {
    let Some(first) = wanted.first() else { return TokenStream::new() };
    let mut shaper = shape::Shaper::new(model, &options.root, report);
    for (name, at) in taken {
        shaper.claim(name, at);
    }
    let shapes: Vec<_> =
        wanted.iter().map(|want| (want.name.clone(), shaper.root(&want.name, want.schema))).collect();
    let described = shaper.finish();
    match space::print(&options.root, shapes, &described.references) {
        Ok(raw) => {
            let file = clean::clean(raw, &described);
            collide::check(&file, &first.schema.at, report);
            quote::quote!(#file)
        }
        Err(message) => {
            report
                .error(codes::TYPES, &first.schema.at, format!("no Rust type can be made of this: {message}"))
                .help("simplify the schema; this is a limit of the generator");
            TokenStream::new()
        }
    }
}
