//! From tokens to files.

use std::fmt::Write;

use proc_macro2::{Literal, TokenStream, TokenTree};

use crate::names;

use super::{HEADER, Module, tidy};

/// Formats tokens; what does not parse is given back as it is, for the compiler to complain about.
pub(super) fn format(tokens: TokenStream) -> String {
    match syn::parse2::<syn::File>(tokens.clone()) {
        Ok(mut file) => {
            tidy::shorten(&mut file);
            tidy::space(&prettyplease::unparse(&file))
        }
        Err(_) => tokens.to_string(),
    }
}

/// A raw string literal, so that JSON stays readable.
pub(super) fn raw(text: &str) -> TokenStream {
    let mut hashes = 1;
    while text.contains(&format!("\"{}", "#".repeat(hashes))) {
        hashes += 1;
    }
    let fence = "#".repeat(hashes);
    let literal = format!("r{fence}\"{text}\"{fence}");
    match literal.parse() {
        // A carriage return cannot stand in a raw literal.
        Ok(tokens) if !text.contains('\r') => tokens,
        _ => TokenTree::from(Literal::string(text)).into(),
    }
}

/// A whole file, with its header.
pub(super) fn file(origin: &str, code: &str) -> String {
    format!("// {HEADER}{origin}; do not edit.\n\n{code}")
}

/// Where a module's file is.
pub(super) fn path(module: &Module) -> String {
    format!("src/{}.rs", module.path.join("/"))
}

/// All modules nested in one file that can be included anywhere.
pub(super) fn single_file(root: &str, modules: &[Module]) -> String {
    let mut out = file("*", root);
    let mut open: Option<&str> = None;
    for module in modules {
        let name = &module.path[0];
        if open.is_some_and(|namespace| namespace != name) {
            out.push_str("}\n");
            open = None;
        }
        match module.path.get(1).map(String::as_str) {
            // A namespace: its operations follow, inside it.
            Some("mod") => {
                let _ = writeln!(out, "pub mod {} {{\n{}", names::ident(name), module.code);
                open = Some(name);
            }
            Some(operation) => {
                let _ = writeln!(out, "pub mod {} {{\n{}}}", names::ident(operation), module.code);
            }
            None => {
                let _ = writeln!(out, "pub mod {} {{\n{}}}", names::ident(name), module.code);
            }
        }
    }
    if open.is_some() {
        out.push_str("}\n");
    }
    out
}
