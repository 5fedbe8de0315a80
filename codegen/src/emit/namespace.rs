//! The module of a namespace.

use quote::quote;

use crate::{model::Operation, names};

use super::{Module, Options, docs, text};

/// The module file that holds the operations together.
pub(super) fn module(namespace: &str, operations: &[&Operation], options: &Options) -> Module {
    let inner = docs::generated(&format!("The operations of the namespace `{namespace}`."));
    let modules = operations.iter().map(|op| {
        let (module, marker) =
            (names::ident(&names::module(&op.name)), names::ident(&names::upper_camel(&op.name)));
        (module, marker)
    });
    let (modules, markers): (Vec<_>, Vec<_>) = modules.unzip();
    // A file of its own declares its modules; nested in one file they follow.
    let declarations = (!options.single_file).then(|| quote!(#(pub mod #modules;)*));
    Module {
        path: vec![namespace.to_owned(), "mod".to_owned()],
        origin: format!("{namespace}/*"),
        code: text::format(quote!(#inner #declarations #(pub use self::#modules::#markers;)*)),
    }
}
