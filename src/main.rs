//! The `alkhub` program.

use std::process::ExitCode;

/// Calls make many small allocations; this one is faster at them than glibc's (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    alkhub::cli::main()
}
