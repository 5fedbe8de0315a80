//! Operations that only tests and benchmarks serve: they show what a handler can do, well and badly.

mod handlers;

/// What the operation files say, as generated code.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

pub use handlers::Kit;
