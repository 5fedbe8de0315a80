//! `shared`: the types that several operations use.

use quote::quote;

use crate::{diagnostic::Report, model::Model};

use super::{Module, Options, docs, text, types};

/// The module.
pub(super) fn module(model: &Model, options: &Options, report: &mut Report) -> Module {
    let inner = docs::generated("Types that several operations use.");
    let wanted: Vec<_> = model
        .shared
        .values()
        .map(|shared| types::Wanted { name: shared.name.clone(), schema: &shared.node })
        .collect();
    let types = types::print(model, options, &wanted, &[], report);
    let code = text::format(quote! {
        #inner
        #types

        /// Reads a property that may be absent or `null`, and keeps the two apart.
        #[doc(hidden)]
        pub fn present<'de, T, D>(deserializer: D) -> ::core::result::Result<::core::option::Option<T>, D::Error>
        where
            T: ::serde::Deserialize<'de>,
            D: ::serde::Deserializer<'de>,
        {
            <T as ::serde::Deserialize<'de>>::deserialize(deserializer).map(::core::option::Option::Some)
        }
    });
    Module { path: vec!["shared".to_owned()], origin: "_shared/*".to_owned(), code }
}
