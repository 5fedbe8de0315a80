//! `Debug` that shows that a secret is there, but not what it is.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Fields, Ident, Item, ItemEnum, ItemStruct, ext::IdentExt, parse_quote};

/// Takes `Debug` out of the derived traits.
pub(super) fn without_derive(attrs: &mut [Attribute]) {
    for attr in attrs.iter_mut().filter(|attr| attr.path().is_ident("derive")) {
        let mut kept: Vec<syn::Path> = Vec::new();
        let _ = attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("Debug") {
                kept.push(meta.path);
            }
            Ok(())
        });
        *attr = parse_quote!(#[derive(#(#kept),*)]);
    }
}

/// For a struct.
pub(super) fn structure(item: &ItemStruct, secrets: &[Ident]) -> Item {
    let name = &item.ident;
    let text = name.to_string();
    let fields = item.fields.iter().filter_map(|field| field.ident.as_ref());
    let fields = fields.map(|field| shown(field, &quote!(&self.#field), secrets.contains(field)));
    implement(name, &quote!(__formatter.debug_struct(#text) #(#fields)* .finish()))
}

/// For an enum; secrets are named with their variants.
pub(super) fn enumeration(item: &ItemEnum, secrets: &[(Ident, Ident)]) -> Item {
    let arms = item.variants.iter().map(|variant| {
        let name = &variant.ident;
        let text = name.to_string();
        let Fields::Named(fields) = &variant.fields else {
            return quote!(Self::#name { .. } => __formatter.write_str(#text),);
        };
        let names: Vec<&Ident> = fields.named.iter().filter_map(|field| field.ident.as_ref()).collect();
        let is_secret = |field: &Ident| secrets.iter().any(|(of, secret)| of == name && secret == field);
        let open = names.iter().filter(|field| !is_secret(field));
        let fields = names.iter().map(|field| shown(field, &quote!(#field), is_secret(field)));
        quote!(Self::#name { #(#open,)* .. } => __formatter.debug_struct(#text) #(#fields)* .finish(),)
    });
    implement(&item.ident, &quote!(match self { #(#arms)* }))
}

fn shown(field: &Ident, value: &TokenStream, secret: bool) -> TokenStream {
    let label = field.unraw().to_string();
    if secret { quote!(.field(#label, &"[secret]")) } else { quote!(.field(#label, #value)) }
}

/// No field is called like the formatter: fields do not begin with underscores.
fn implement(name: &Ident, body: &TokenStream) -> Item {
    parse_quote! {
        impl ::std::fmt::Debug for #name {
            fn fmt(&self, __formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                #body
            }
        }
    }
}
