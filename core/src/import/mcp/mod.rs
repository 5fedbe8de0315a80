//! Tools of MCP servers as operations (upstream reference sections 2.5 and 3.8): names, descriptions, results, errors.

mod blocks;
mod change;
mod defaults;
mod names;
mod result;
mod tool;

pub use blocks::block;
pub use change::{Change, Field, changes, fingerprint, fingerprint_of_all};
pub use names::names;
pub use result::{Tool as Called, answer, refused};
pub use tool::{Demands, Tool, spec};
