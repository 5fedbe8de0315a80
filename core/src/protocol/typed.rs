//! Messages as whole values, for authors of peers and for tests. The peer itself copies what only passes through.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::kinds;
use crate::{Identity, envelope::Meta};

/// `{type, id, payload}`, what every message is (upstream reference section 1.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventEnvelope<P> {
    /// What kind of message it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// Empty for messages of the call protocol.
    pub id: String,
    /// What it says.
    pub payload: P,
}

/// Payload of `call.requested`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requested<I> {
    /// The caller's id of the call.
    pub request_id: String,
    /// `namespace.name`.
    pub operation_id: String,
    /// Input of the operation.
    pub input: I,
    /// The call that makes this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_request_id: Option<String>,
    /// Milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
    /// Milliseconds between two items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<u64>,
    /// On behalf of whom; believed only of the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Free data for the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Items that may be sent ahead of `call.credit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
}

/// A response envelope whose data has a type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enveloped<O> {
    /// Output of the operation.
    pub data: O,
    /// Where it came from.
    pub meta: Meta,
}

/// Payload of `call.responded`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Responded<O> {
    /// The call.
    pub request_id: String,
    /// Result or item.
    pub output: Enveloped<O>,
}

/// Payload of `call.completed` and `call.aborted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// The call.
    pub request_id: String,
}

/// Payload of `call.error`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// The call.
    pub request_id: String,
    /// An infrastructure code or a declared one.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// As the code says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// `call.requested` of an operation.
pub type Request<I> = EventEnvelope<Requested<I>>;
/// `call.responded` of an operation.
pub type Response<O> = EventEnvelope<Responded<O>>;

impl<I> Request<I> {
    /// A request with nothing said but what it needs.
    #[must_use]
    pub fn new(request_id: impl Into<String>, operation_id: impl Into<String>, input: I) -> Self {
        let payload = Requested {
            request_id: request_id.into(),
            operation_id: operation_id.into(),
            input,
            parent_request_id: None,
            deadline: None,
            idle_timeout: None,
            identity: None,
            metadata: None,
            window: None,
        };
        Self { kind: kinds::REQUESTED.to_owned(), id: String::new(), payload }
    }
}

impl<O> Response<O> {
    /// The response to a request.
    #[must_use]
    pub fn new(request_id: impl Into<String>, data: O, meta: Meta) -> Self {
        let payload = Responded { request_id: request_id.into(), output: Enveloped { data, meta } };
        Self { kind: kinds::RESPONDED.to_owned(), id: String::new(), payload }
    }
}
