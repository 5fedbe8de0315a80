//! `cargo codegen`: see [`alkhub_codegen::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    alkhub_codegen::cli::main()
}
