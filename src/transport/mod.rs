//! The surfaces of the hub. Each turns its requests into calls of the engine.

pub mod http;
pub mod mcp;
pub mod ws;
