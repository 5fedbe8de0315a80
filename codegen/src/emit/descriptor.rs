//! The descriptor constant of an operation.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    lower::{canonical, lower},
    model::{Access, ErrorDef, Example, Model, Operation, Word},
    names,
};

use super::{Options, text};

/// `pub const DESCRIPTOR`.
pub(super) fn print(model: &Model, op: &Operation, options: &Options) -> TokenStream {
    let Operation {
        id,
        namespace,
        name,
        version,
        title,
        description,
        since,
        idempotent,
        composed,
        any_error,
        page,
        ..
    } = op;
    let kind = names::ident(op.kind.variant());
    let mcp = names::ident(op.mcp.variant());
    let record = names::ident(op.record.variant());
    let tags = op.tags.iter().map(|tag| &tag.text);
    let http = match &op.http {
        Some(route) => {
            let (method, path) = (&route.method, &route.path);
            quote!(::core::option::Option::Some(::alkhub_core::spec::HttpBinding { method: #method, path: #path }))
        }
        None => quote!(::core::option::Option::None),
    };
    let access = access(&op.access);
    let timeout = option(op.timeout_ms.map(|ms| quote!(#ms)));
    let input = text::raw(&canonical(&lower(model, &op.input)));
    let output = text::raw(&canonical(&lower(model, &op.output)));
    let root: TokenStream = options.root.parse().unwrap_or_default();
    let errors = op.errors.iter().map(|code| {
        let name = names::ident(&code.text);
        quote!(#root::errors::#name)
    });
    let examples = op.examples.iter().map(example);
    quote! {
        /// What the operation file declares.
        pub const DESCRIPTOR: ::alkhub_core::spec::Descriptor = ::alkhub_core::spec::Descriptor {
            id: #id,
            namespace: #namespace,
            name: #name,
            version: #version,
            kind: ::alkhub_core::spec::Kind::#kind,
            title: #title,
            description: #description,
            since: #since,
            tags: &[#(#tags),*],
            http: #http,
            access: #access,
            mcp: ::alkhub_core::spec::McpMode::#mcp,
            record: ::alkhub_core::spec::RecordMode::#record,
            timeout_ms: #timeout,
            idempotent: #idempotent,
            composed: #composed,
            any_error: #any_error,
            page: #page,
            input_schema: #input,
            output_schema: #output,
            errors: &[#(#errors),*],
            examples: &[#(#examples),*],
        };
    }
}

fn access(access: &Access) -> TokenStream {
    let texts = |words: &[Word]| words.iter().map(|word| word.text.clone()).collect::<Vec<_>>();
    let (all, any) = (texts(&access.required_scopes), texts(&access.required_scopes_any));
    let word = |word: &Option<Word>| option(word.as_ref().map(|Word { text, .. }| quote!(#text)));
    let (resource_type, resource_action) = (word(&access.resource_type), word(&access.resource_action));
    quote! {
        ::alkhub_core::spec::AccessSpec {
            required_scopes: &[#(#all),*],
            required_scopes_any: &[#(#any),*],
            resource_type: #resource_type,
            resource_action: #resource_action,
        }
    }
}

fn example(example: &Example) -> TokenStream {
    let title = &example.title;
    let input = text::raw(&canonical(&example.input.to_json()));
    let output = option(example.output.as_ref().map(|output| text::raw(&canonical(&output.to_json()))));
    quote!(::alkhub_core::spec::ExampleSpec { title: #title, input: #input, output: #output })
}

/// An entry of the catalogue as a value.
pub(super) fn error(model: &Model, error: &ErrorDef) -> TokenStream {
    let ErrorDef { code, status, description, .. } = error;
    let details = option(error.details.as_ref().map(|details| text::raw(&canonical(&lower(model, details)))));
    quote! {
        ::alkhub_core::spec::ErrorSpec {
            code: #code,
            status: #status,
            description: #description,
            details: #details,
        }
    }
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
