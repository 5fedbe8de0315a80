//! Settings of the call graph.

use std::time::Duration;

/// What is recorded of calls, and for how long.
#[derive(Debug, Clone)]
pub struct Calls {
    /// How much is recorded at most.
    pub record: Recording,
    /// Largest input and output that is kept.
    pub body_bytes: usize,
    /// For how long calls are kept.
    pub keep_for: Duration,
    /// How many are kept.
    pub keep_count: u64,
    /// Pause between two looks for what is not kept any more.
    pub sweep: Duration,
}

/// How much of calls is recorded at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// What each operation declares.
    Declared,
    /// No input and no output.
    Metadata,
    /// Nothing.
    Off,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            record: Recording::Declared,
            body_bytes: 256 * 1024,
            keep_for: Duration::from_secs(7 * 24 * 60 * 60),
            keep_count: 1_000_000,
            sweep: Duration::from_secs(60),
        }
    }
}
