//! Requests of the hub to other servers.

use std::time::Duration;

use crate::outbound::{Allowed, Limits};

/// Requests of the hub to other servers.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// Destinations beyond the public internet.
    pub allow: Vec<Allowed>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest silence of a server before and in the middle of an answer.
    pub read_timeout: Duration,
    /// Longest time of a whole request.
    pub timeout: Duration,
    /// Largest answer that is read into memory.
    pub response_bytes: usize,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(60),
            timeout: Duration::from_secs(60),
            response_bytes: 16 * 1024 * 1024,
        }
    }
}

impl Outbound {
    /// The bounds of requests.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            connect_timeout: self.connect_timeout,
            read_timeout: self.read_timeout,
            timeout: self.timeout,
            response_bytes: self.response_bytes,
        }
    }
}
