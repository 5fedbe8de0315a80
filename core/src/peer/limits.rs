//! Bounds of a connection.

use std::time::Duration;

/// Bounds of a connection.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest message, in and out, in bytes.
    pub frame_bytes: usize,
    /// Bytes that wait to be sent above which streams pause.
    pub buffer_soft: usize,
    /// Bytes that wait to be sent above which the other end is cut off.
    pub buffer_hard: usize,
    /// Requests of the other end that run at once.
    pub served: usize,
    /// Requests to the other end that wait for an answer.
    pub pending: usize,
    /// Topics that the other end may subscribe to.
    pub topics: usize,
    /// Items of one subscription that wait to be consumed.
    pub window: u32,
    /// Bytes of one subscription that wait to be consumed.
    pub stream_bytes: usize,
    /// Deepest nesting of JSON in a message.
    pub json_depth: usize,
    /// After so long without a sign of life the other end is asked for one; after twice as long it is gone.
    pub heartbeat: Duration,
    /// Bytes that are read at once; every connection holds a buffer of this size.
    pub read_buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            frame_bytes: 8 * MIB,
            buffer_soft: MIB,
            buffer_hard: 32 * MIB,
            served: 1024,
            pending: 4096,
            topics: 1024,
            window: 256,
            stream_bytes: 16 * MIB,
            json_depth: 64,
            heartbeat: Duration::from_secs(30),
            read_buffer: 4096,
        }
    }
}
