//! MCP over streamable HTTP, at `/mcp`: operations as tools and resources.
//!
//! rmcp speaks the protocol, each request for itself; what is here around it is what keeps requests of one client
//! together without a process that they are pinned to: sessions, cancelling, resuming, and who may come at all.

mod answer;
mod changes;
mod context;
mod ended;
mod endpoint;
mod guard;
mod metadata;
mod peek;
mod plain;
mod relay;
mod resources;
mod running;
mod server;
mod session;
mod standing;
mod streams;
mod tools;

pub use endpoint::Endpoint;
pub use metadata::Metadata;
pub use tools::tool_name;

/// Revisions of the protocol that are spoken, oldest first.
pub const REVISIONS: [&str; 4] = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// The first revision without sessions and `initialize`: a client says all that matters with each request, and
/// cancels by leaving.
const STATELESS: &str = "2026-07-28";
