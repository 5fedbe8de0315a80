//! The `alkhub` program.

use std::process::ExitCode;

/// Calls make many small allocations; this one is faster at them than glibc's (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    small_pages();
    alkhub::cli::main()
}

/// The allocator asks for huge pages, of which a hub at rest would fill little: half of its memory would be air.
fn small_pages() {
    #[cfg(target_os = "linux")]
    // Where the kernel does not know how, the hub is only larger.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
