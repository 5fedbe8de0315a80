//! Generates this crate from `operations/` before it is compiled.

fn main() {
    alkhub_codegen::build::in_tree("../operations", "../generated");
}
