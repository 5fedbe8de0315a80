//! What the hub is told at its start: `alkhub.toml`, overridden by `ALKHUB_*` variables, overridden by flags.
//!
//! [`Config`] is plain typed data with safe defaults; nothing but [`load`] knows where its values came from.
//! Every key is one line in [`keys`], from which the file reader, the variables, the suggestions, `alkhub config check`
//! and the reference in docs/configuration.md all follow.

mod calls;
mod directory;
mod env;
mod file;
mod imports;
mod keys;
mod live;
mod llm;
mod load;
mod mcp;
mod outbound;
mod problem;
mod rules;
mod secret;
mod settings;
mod units;
mod value;
mod web;

pub use calls::{Calls, Recording};
pub use directory::Directory;
pub use env::CLIENT_VARIABLES;
pub use imports::Imports;
pub use keys::{Key, all as keys};
pub use live::{Change, Live};
pub use llm::Llm;
pub use load::{Flag, Loaded, Sources, examine, load};
pub use mcp::Mcp;
pub use outbound::Outbound;
pub use problem::{Origin, Problem, Problems};
pub use secret::Secret;
pub use settings::*;
pub use units::{duration_text, parse_duration, size_text};
pub use value::Shown;
pub use web::{Provider, Web};
