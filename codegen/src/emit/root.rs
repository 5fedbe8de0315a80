//! The root of the generated crate: modules, the list of operations, registration.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    model::{Host, Kind, Model, Operation},
    names,
};

use super::{Options, by_namespace, docs, handlers, marker_path, of_host, text};

/// The root module.
pub(super) fn code(model: &Model, options: &Options) -> String {
    let hub = table(&of_host(model, Host::Hub), Host::Hub);
    let spoke_operations = of_host(model, Host::Spoke);
    let has_spoke = !spoke_operations.is_empty();
    let spoke = has_spoke.then(|| table(&spoke_operations, Host::Spoke));
    if options.single_file {
        return text::format(quote!(#hub #spoke));
    }
    let inner =
        docs::inner("The contract as Rust: a module for each namespace, in it one for each operation.");
    let groups = by_namespace(model);
    let namespaces = groups.keys().map(|namespace| names::ident(namespace));
    let mut code = text::format(quote! {
        #inner
        pub mod errors;
        pub mod shared;
        pub mod templates;
        #(pub mod #namespaces;)*
        #hub
        #spoke
    });
    code.push_str(&handlers::print(model, Host::Hub));
    if has_spoke {
        code.push_str(&handlers::print(model, Host::Spoke));
    }
    code
}

fn table(operations: &[&Operation], host: Host) -> TokenStream {
    let (list, register, who) = match host {
        Host::Hub => ("OPERATIONS", "register", "the hub"),
        Host::Spoke => ("SPOKE_OPERATIONS", "register_spoke", "a base spoke"),
    };
    let (list, register) = (names::ident(list), names::ident(register));
    let list_doc = docs::doc(&format!("Every operation of {who}, by id."));
    let register_doc = docs::doc(&format!(
        "Registers every handler of {who}. A declared operation without a handler does not compile."
    ));
    let descriptors = operations.iter().map(|op| {
        let (namespace, module) = (names::ident(&op.namespace), names::ident(&names::module(&op.name)));
        quote!(&self::#namespace::#module::DESCRIPTOR)
    });
    let bounds = operations.iter().map(|op| {
        let marker = marker_path(op);
        match op.kind {
            Kind::Subscription => quote!(H: ::alkhub_core::Subscribe<self::#marker>),
            _ => quote!(H: ::alkhub_core::Handle<self::#marker>),
        }
    });
    let bounds = (!operations.is_empty()).then(|| quote!(where #(#bounds,)*));
    let calls = operations.iter().map(|op| {
        let marker = marker_path(op);
        match op.kind {
            Kind::Subscription => quote!(registry.add_subscriber::<self::#marker, H>(hub);),
            _ => quote!(registry.add_handler::<self::#marker, H>(hub);),
        }
    });
    let ignore = operations.is_empty().then(|| quote!(let _ = (hub, registry);));
    quote! {
        #list_doc
        pub static #list: &[&::alkhub_core::spec::Descriptor] = &[#(#descriptors),*];

        #register_doc
        pub fn #register<H>(hub: &::std::sync::Arc<H>, registry: &mut ::alkhub_core::Registry) #bounds {
            #(#calls)*
            #ignore
        }
    }
}
