//! Ranked, typo-tolerant search over operations.

mod document;
mod index;
mod words;

pub use index::Index;
