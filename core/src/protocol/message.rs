//! The messages, with their payloads' fields as the upstream names them (reference section 2.1).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::Identity;

/// The `type` of each message.
pub mod kinds {
    /// Caller to handler: please run.
    pub const REQUESTED: &str = "call.requested";
    /// Handler to caller: the result, or one item of a subscription.
    pub const RESPONDED: &str = "call.responded";
    /// Handler to caller: a subscription has ended.
    pub const COMPLETED: &str = "call.completed";
    /// Either way: no longer wanted, or given up.
    pub const ABORTED: &str = "call.aborted";
    /// Handler to caller: failed.
    pub const ERROR: &str = "call.error";
    /// Caller to handler: so many more items may be sent (ours; peers that do not know it ignore it).
    pub const CREDIT: &str = "call.credit";
    /// Events of a topic are wanted.
    pub const SUBSCRIBE: &str = "__subscribe";
    /// They are not wanted any more.
    pub const UNSUBSCRIBE: &str = "__unsubscribe";
}

/// `call.requested`
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requested<'a> {
    /// The caller's id of the call; any string.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// `namespace.name`, before which the hub knows a spoke's prefix.
    #[serde(borrow)]
    pub operation_id: Cow<'a, str>,
    /// Input as it is written; absent counts as an empty object.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub input: Option<&'a RawValue>,
    /// The call that makes this one. What is no text is none, as an id that nobody knows would be.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub parent_request_id: Option<String>,
    /// Milliseconds since the Unix epoch; 0 is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<f64>,
    /// Of a subscription: most milliseconds between two items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<f64>,
    /// On behalf of whom. Believed only where the sender is the hub, so that its form is nobody else's fault.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Free data for the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Of a subscription: so many items may be sent before `call.credit` allows more (ours). Absent means no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
}

/// A value of the wrong form counts as absent.
fn lenient<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let text = Option::<&RawValue>::deserialize(from)?;
    Ok(text.and_then(|text| serde_json::from_str(text.get()).ok()))
}

/// `call.responded`
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Responded<'a> {
    /// The call.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// A response envelope, as it is written.
    #[serde(borrow)]
    pub output: &'a RawValue,
}

/// `call.completed` and `call.aborted`
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended<'a> {
    /// The call.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
}

/// `call.error`
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed<'a> {
    /// The call.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// An infrastructure code or a declared one.
    pub code: String,
    /// A sentence for people.
    #[serde(default)]
    pub message: String,
    /// As the code says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// `call.credit`
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credit<'a> {
    /// The subscription.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// So many more items may be sent.
    pub items: u32,
}

/// A message as it was read.
#[derive(Debug)]
pub enum Message<'a> {
    /// `call.requested`
    Requested(Requested<'a>),
    /// `call.responded`
    Responded(Responded<'a>),
    /// `call.completed`
    Completed(Ended<'a>),
    /// `call.aborted`
    Aborted(Ended<'a>),
    /// `call.error`
    Failed(Failed<'a>),
    /// `call.credit`
    Credit(Credit<'a>),
    /// `__subscribe`, with its topic
    Subscribe(String),
    /// `__unsubscribe`, with its topic
    Unsubscribe(String),
    /// Any other event.
    Event {
        /// Its type.
        kind: Cow<'a, str>,
        /// Its id, which may be empty.
        id: String,
        /// Its payload as it is written.
        payload: Option<&'a RawValue>,
    },
}
