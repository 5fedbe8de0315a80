//! The `alkhub` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    alkhub::cli::main()
}
