//! The module of an operation: marker, types, errors, descriptor.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    diagnostic::Report,
    model::{ErrorDef, Kind, Model, Operation},
    names,
};

use super::{Module, Options, descriptor, docs, errors, text, types};

/// The module.
pub(super) fn module(model: &Model, op: &Operation, options: &Options, report: &mut Report) -> Module {
    let inner = docs::inner(&format!("`{}`: {}", op.id, op.title));
    let name = names::upper_camel(&op.name);
    let marker = names::ident(&name);
    let title = docs::doc(&format!("{}.", op.title.trim().trim_end_matches('.')));
    let wanted = [
        types::Wanted { name: "Input".to_owned(), schema: &op.input },
        types::Wanted { name: "Output".to_owned(), schema: &op.output },
    ];
    let taken = [
        ("Error", op.at("errors")),
        (name.as_str(), op.at("type")),
        ("RequestMessage", op.at("type")),
        ("ResponseMessage", op.at("type")),
    ];
    let types = types::print(model, options, &wanted, &taken, report);
    let error = error(model, op, options);
    let descriptor = descriptor::print(model, op, options);
    let handler = match op.kind {
        Kind::Subscription => "alkhub_core::Subscribe",
        _ => "alkhub_core::Handle",
    };
    let served = docs::doc(&format!("Served by an implementation of `{handler}<{name}>`."));
    let code = text::format(quote! {
        #inner
        #title
        ///
        #served
        #[derive(Clone, Copy, Debug)]
        pub struct #marker;

        impl ::alkhub_core::Operation for #marker {
            const DESCRIPTOR: &'static ::alkhub_core::spec::Descriptor = &DESCRIPTOR;
            type Input = Input;
            type Output = Output;
            type Error = Error;
        }

        /// The operation's `call.requested`.
        pub type RequestMessage = ::alkhub_core::protocol::typed::Request<Input>;

        /// The operation's `call.responded`: its result, or an item.
        pub type ResponseMessage = ::alkhub_core::protocol::typed::Response<Output>;

        #types
        #error
        #descriptor
    });
    Module {
        path: vec![op.namespace.clone(), names::module(&op.name)],
        origin: format!("{}/{}.yaml", op.namespace, op.name),
        code,
    }
}

/// The error type: the declared codes, and what can befall any call.
fn error(model: &Model, op: &Operation, options: &Options) -> TokenStream {
    let root: TokenStream = options.root.parse().unwrap_or_default();
    let declared: Vec<&ErrorDef> = op.errors.iter().filter_map(|code| model.error(&code.text)).collect();
    let variants = declared.iter().map(|error| {
        let name = names::ident(&names::upper_camel(&error.code));
        let doc = docs::doc(&error.description);
        let details = errors::has_type(error).then(|| quote!((#root::errors::#name)));
        quote!(#doc #name #details)
    });
    let conversions = declared.iter().map(|error| {
        let (code, message) = (&error.code, &error.description);
        let name = names::ident(&names::upper_camel(code));
        if errors::has_type(error) {
            quote! {
                Self::#name(details) => ::alkhub_core::CallError::new(#code, #message)
                    .with_details(::serde_json::to_value(details).unwrap_or_default()),
            }
        } else {
            quote!(Self::#name => ::alkhub_core::CallError::new(#code, #message),)
        }
    });
    let messages = declared.iter().map(|error| {
        let message = &error.description;
        let name = names::ident(&names::upper_camel(&error.code));
        let details = errors::has_type(error).then(|| quote!((_)));
        quote!(Self::#name #details => f.write_str(#message),)
    });
    quote! {
        /// What the operation can answer with instead of an output.
        #[derive(Debug)]
        pub enum Error {
            #(#variants,)*
            /// What can befall any call.
            Call(::alkhub_core::CallError),
        }

        impl ::alkhub_core::Declared for Error {
            fn into_call_error(self) -> ::alkhub_core::CallError {
                match self {
                    #(#conversions)*
                    Self::Call(error) => error,
                }
            }
        }

        impl ::core::convert::From<::alkhub_core::CallError> for Error {
            fn from(error: ::alkhub_core::CallError) -> Self {
                Self::Call(error)
            }
        }

        impl ::core::fmt::Display for Error {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self {
                    #(#messages)*
                    Self::Call(error) => ::core::fmt::Display::fmt(error, f),
                }
            }
        }

        impl ::std::error::Error for Error {}
    }
}
