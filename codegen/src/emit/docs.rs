//! Doc comments.

use proc_macro2::TokenStream;
use quote::quote;

/// One doc attribute a line, each with the space that rustfmt expects.
pub(super) fn doc(text: &str) -> TokenStream {
    let lines = text.trim().lines().map(|line| {
        let line: String = line.trim_end().chars().filter(|c| !c.is_control()).collect();
        let line = if line.is_empty() { line } else { format!(" {line}") };
        quote!(#[doc = #line])
    });
    quote!(#(#lines)*)
}

/// Inner documentation of a module.
pub(super) fn inner(text: &str) -> TokenStream {
    let lines = text.trim().lines().map(|line| {
        let line: String = line.trim_end().chars().filter(|c| !c.is_control()).collect();
        let line = format!(" {line}");
        quote!(#![doc = #line])
    });
    quote!(#(#lines)*)
}

/// Inner documentation of a top module, whose code no one lints: it is printed, not written.
pub(super) fn generated(text: &str) -> TokenStream {
    let inner = inner(text);
    quote!(#inner #![allow(clippy::all, clippy::unwrap_used, nonstandard_style)])
}
