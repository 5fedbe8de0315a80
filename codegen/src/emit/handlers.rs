//! The macros that declare the modules of handlers.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    model::{Host, Model},
    names,
};

use super::{by_namespace, docs};

/// `handlers!` or `spoke_handlers!`: a module for each operation, where its handler is written.
pub(super) fn print(model: &Model, host: Host) -> TokenStream {
    let name = names::ident(match host {
        Host::Hub => "handlers",
        Host::Spoke => "spoke_handlers",
    });
    let namespaces = by_namespace(model).into_iter().filter_map(|(namespace, operations)| {
        let modules: Vec<_> = operations
            .iter()
            .filter(|op| op.host == host)
            .map(|op| names::ident(&names::module(&op.name)))
            .collect();
        if modules.is_empty() {
            return None;
        }
        let doc = docs::doc(&format!("Handlers of the namespace `{namespace}`."));
        let namespace = names::ident(namespace);
        Some(quote!(#doc pub mod #namespace { #(mod #modules;)* }))
    });
    quote! {
        /// Declares the tree of handler modules that mirrors the operation files.
        #[macro_export]
        macro_rules! #name {
            () => { #(#namespaces)* };
        }
    }
}
