//! `errors`: the catalogue, and a type for the details of each declared error.

use quote::quote;

use crate::{
    diagnostic::Report,
    model::{ErrorDef, Model},
    names,
};

use super::{Module, Options, descriptor, docs, text, types};

/// The errors with details that get a type: infrastructure errors are made by the engine, from JSON.
pub(super) fn has_type(error: &ErrorDef) -> bool {
    error.details.is_some() && !error.infrastructure
}

/// The module.
pub(super) fn module(model: &Model, options: &Options, report: &mut Report) -> Module {
    let inner = docs::generated("The error catalogue.");
    let entries = model.errors.iter().map(|error| {
        let name = names::ident(&error.code);
        let doc = docs::doc(&error.description);
        let value = descriptor::error(model, error);
        quote!(#doc pub const #name: ::alkhub_core::spec::ErrorSpec = #value;)
    });
    let codes = model.errors.iter().map(|error| names::ident(&error.code));
    let wanted: Vec<_> = model
        .errors
        .iter()
        .filter(|error| has_type(error))
        .filter_map(|error| {
            Some(types::Wanted { name: names::upper_camel(&error.code), schema: error.details.as_ref()? })
        })
        .collect();
    let details = types::print(model, options, &wanted, &[], report);
    let code = text::format(quote! {
        #inner
        /// Every error, those of the infrastructure first.
        pub static CATALOGUE: &[::alkhub_core::spec::ErrorSpec] = &[#(#codes),*];
        #(#entries)*
        #details
    });
    Module { path: vec!["errors".to_owned()], origin: "_shared/errors.yaml".to_owned(), code }
}
