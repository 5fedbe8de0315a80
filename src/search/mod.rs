//! Ranked, typo-tolerant search over operations.

mod document;
mod index;

pub use index::Index;
