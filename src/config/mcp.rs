//! Settings of the MCP server.

use std::time::Duration;

/// MCP clients at `/mcp`.
#[derive(Debug, Clone)]
pub struct Mcp {
    /// Host names by which clients may reach it, besides IP addresses, `localhost` and that of `server.public_url`.
    pub allowed_hosts: Vec<String>,
    /// Web origins that may use it, besides loopback ones, that of `server.public_url` and `cors.allowed_origins`.
    pub allowed_origins: Vec<String>,
    /// Most streams of notifications open at once.
    pub streams: usize,
    /// Most items of a subscription that a tool collects.
    pub collect_items: usize,
    /// Most bytes of items that it collects.
    pub collect_bytes: usize,
    /// How long it collects them.
    pub collect_for: Duration,
    /// How long an answer whose client has gone is kept, and its call goes on.
    pub resume_for: Duration,
    /// Most bytes of answers that are kept.
    pub resume_bytes: usize,
}

impl Default for Mcp {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            streams: 4096,
            collect_items: 1000,
            collect_bytes: 1024 * 1024,
            collect_for: Duration::from_secs(30),
            resume_for: Duration::from_secs(60),
            resume_bytes: 64 * 1024 * 1024,
        }
    }
}
