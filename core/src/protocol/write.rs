//! Writing messages. JSON that passes through is copied as it is, not parsed.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{kinds, write_text};
use crate::{CallError, Identity};

/// What is said of a request beside its ids and input.
#[derive(Clone, Copy, Default)]
pub struct About<'a> {
    /// The call that makes this one.
    pub parent: Option<&'a str>,
    /// Milliseconds since the Unix epoch.
    pub deadline: Option<u64>,
    /// On behalf of whom.
    pub identity: Option<&'a Identity>,
    /// Free data for the handler.
    pub metadata: Option<&'a Map<String, Value>>,
    /// Items that may be sent ahead.
    pub window: Option<u32>,
}

struct Payload(Vec<u8>);

impl Payload {
    /// An envelope of this type, open for the payload's fields.
    fn begin(kind: &str, request_id: &str, room: usize) -> Self {
        let mut text = Vec::with_capacity(room + kind.len() + request_id.len() + 64);
        text.extend_from_slice(b"{\"type\":\"");
        text.extend_from_slice(kind.as_bytes());
        text.extend_from_slice(b"\",\"id\":\"\",\"payload\":{\"requestId\":");
        write_text(&mut text, request_id);
        Self(text)
    }

    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        &mut self.0
    }

    fn raw(mut self, name: &str, json: &[u8]) -> Self {
        self.name(name).extend_from_slice(json);
        self
    }

    fn field(mut self, name: &str, value: Option<&(impl Serialize + ?Sized)>) -> Self {
        if let Some(value) = value {
            // Identities, maps and numbers print; writing to memory does not fail.
            let _ = serde_json::to_writer(self.name(name), value);
        }
        self
    }

    fn end(mut self) -> Bytes {
        self.0.extend_from_slice(b"}}");
        self.0.into()
    }
}

/// `call.requested`; `input` is JSON text.
#[must_use]
pub fn requested(request_id: &str, operation_id: &str, input: &[u8], about: About<'_>) -> Bytes {
    Payload::begin(kinds::REQUESTED, request_id, input.len() + 256)
        .field("operationId", Some(operation_id))
        .raw("input", input)
        .field("parentRequestId", about.parent)
        .field("deadline", about.deadline.as_ref())
        .field("identity", about.identity)
        .field("metadata", about.metadata.filter(|metadata| !metadata.is_empty()))
        .field("window", about.window.as_ref())
        .end()
}

/// `call.responded`; `envelope` is the JSON text of a response envelope.
#[must_use]
pub fn responded(request_id: &str, envelope: &[u8]) -> Bytes {
    Payload::begin(kinds::RESPONDED, request_id, envelope.len() + 16).raw("output", envelope).end()
}

/// `call.completed`
#[must_use]
pub fn completed(request_id: &str) -> Bytes {
    Payload::begin(kinds::COMPLETED, request_id, 0).end()
}

/// `call.aborted`
#[must_use]
pub fn aborted(request_id: &str) -> Bytes {
    Payload::begin(kinds::ABORTED, request_id, 0).end()
}

/// `call.error`
#[must_use]
pub fn failed(request_id: &str, error: &CallError) -> Bytes {
    Payload::begin(kinds::ERROR, request_id, 256)
        .field("code", Some(&*error.code))
        .field("message", Some(&*error.message))
        .field("details", error.details.as_ref())
        .end()
}

/// `call.credit`
#[must_use]
pub fn credit(request_id: &str, items: u32) -> Bytes {
    Payload::begin(kinds::CREDIT, request_id, 16).field("items", Some(&items)).end()
}

/// Any other event; `payload` is JSON text.
#[must_use]
pub fn event(kind: &str, id: &str, payload: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(payload.len() + kind.len() + id.len() + 40);
    text.extend_from_slice(b"{\"type\":");
    write_text(&mut text, kind);
    text.extend_from_slice(b",\"id\":");
    write_text(&mut text, id);
    text.extend_from_slice(b",\"payload\":");
    text.extend_from_slice(payload);
    text.push(b'}');
    text.into()
}
