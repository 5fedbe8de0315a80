//! Generates the kit's operations.

fn main() {
    alkhub_codegen::build::out_dir("operations");
}
