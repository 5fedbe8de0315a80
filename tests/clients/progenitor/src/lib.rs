//! A Rust client of the hub, made by progenitor from the committed document when this crate is compiled.

progenitor::generate_api!(spec = "../../../generated/openapi.json", interface = Builder);
