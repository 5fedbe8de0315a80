//! The macros that declare the modules of handlers.

use std::fmt::Write;

use crate::{
    model::{Host, Model},
    names,
};

use super::by_namespace;

/// `handlers!` or `spoke_handlers!`: a module for each operation, where its handler is written.
pub(super) fn print(model: &Model, host: Host) -> String {
    let name = match host {
        Host::Hub => "handlers",
        Host::Spoke => "spoke_handlers",
    };
    let mut out = format!(
        "\n/// Declares the tree of handler modules that mirrors the operation files.\n\
         #[macro_export]\nmacro_rules! {name} {{\n    () => {{\n"
    );
    for (namespace, operations) in by_namespace(model) {
        let modules: Vec<_> = operations.iter().filter(|op| op.host == host).collect();
        if modules.is_empty() {
            continue;
        }
        let _ = writeln!(out, "        #[doc = \"Handlers of the namespace `{namespace}`.\"]");
        let _ = writeln!(out, "        pub mod {} {{", names::ident(namespace));
        for op in modules {
            let _ = writeln!(out, "            mod {};", names::ident(&names::module(&op.name)));
        }
        out.push_str("        }\n");
    }
    out.push_str("    };\n}\n");
    out
}
