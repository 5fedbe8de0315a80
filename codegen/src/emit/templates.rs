//! Call templates, as the hub embeds them.

use quote::quote;

use crate::{lower::canonical, model::Model};

use super::{Module, docs, text};

/// `pub static TEMPLATES`.
pub(super) fn module(model: &Model) -> Module {
    let inner = docs::generated("Call templates that every hub has.");
    let templates = model.templates.iter().filter_map(|(name, template)| {
        let definition = text::raw(&canonical(&serde_json::to_value(&template.definition).ok()?));
        let description = &template.description;
        Some(quote!(::alkhub_core::spec::TemplateSpec {
            name: #name,
            description: #description,
            definition: #definition,
        }))
    });
    let code = text::format(quote! {
        #inner
        /// Every template, by name.
        pub static TEMPLATES: &[::alkhub_core::spec::TemplateSpec] = &[#(#templates),*];
    });
    Module { path: vec!["templates".to_owned()], origin: "_templates/*".to_owned(), code }
}
