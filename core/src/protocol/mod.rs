//! The call protocol, dialect A: what travels between hub and spoke (upstream reference sections 1 and 2). One
//! envelope `{type, id, payload}` is one WebSocket message; `id` is always empty on the way out.

mod message;
mod read;
pub mod typed;
mod write;

pub use message::{Credit, Ended, Failed, Message, Requested, Responded, kinds};
pub use read::{Malformed, read};
pub use write::{About, aborted, completed, credit, event, failed, requested, responded};

/// The subprotocol that the hub chooses for clients that cannot set headers; they offer it together with
/// `bearer.<key>`.
pub const SUBPROTOCOL: &str = "alkhub.v1";

/// Member of a request's metadata that carries its idempotency key.
pub const IDEMPOTENCY_KEY: &str = "idempotencyKey";

/// Member of a request's metadata that says, between processes of a hub, where the call stands in the graph.
pub const LINEAGE: &str = "alkhub.lineage";

/// Appends a JSON string.
pub(crate) fn write_text(to: &mut Vec<u8>, text: &str) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(to, text);
}
