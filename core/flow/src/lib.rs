//! Call templates, and whether what one schema describes fits another. It is small, because code generation, which all
//! else waits for, checks the templates of the repository with it.

mod closed;
mod fit;
mod spot;
pub mod template;

pub use closed::{close, target};
pub use fit::{Fit, Mismatch, fit};

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Appends a reference token to a JSON Pointer (RFC 6901 section 3).
#[must_use]
pub fn child(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}
