//! From `operations/` to `generated/`: reads operation files, checks them, and prints the contract as
//! Rust, MCP descriptors and a table.
//!
//! The library is pure: a [`SourceTree`] in, a [`FileTree`] or [`Diagnostic`]s out. Only [`files`] and
//! [`build`] touch the disk.

pub mod build;
pub mod check;
pub mod cli;
pub mod compat;
pub mod diagnostic;
pub mod emit;
pub mod files;
pub mod lower;
pub mod model;
pub mod names;
mod run;
pub mod source;
pub mod suggest;
mod tree;

pub use diagnostic::{Diagnostic, Severity, Span};
pub use emit::Options;
pub use run::{Outcome, generate, load, run};
pub use tree::{FileTree, SourceTree};
