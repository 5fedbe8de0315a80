//! MCP at `/mcp`, over raw HTTP.

mod access;
pub(crate) mod client;
mod coming_back;
mod guarded;
mod plain;
mod processes;
mod questions;
mod resources;
mod revisions;
mod subscriptions;
mod tools;
