//! The program itself, run as a person or a script runs it.

mod calling;
mod configuring;
mod doctor;
mod events;
mod keys;
mod mcp;
pub(crate) mod program;
mod spoke;
mod usage;
