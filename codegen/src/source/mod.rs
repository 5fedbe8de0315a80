//! YAML with positions: text to events to a tree of nodes.

mod node;
mod parse;
mod scalar;

pub use node::{Data, Entry, Node};
pub use parse::parse;
