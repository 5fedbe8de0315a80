//! Reading messages: lenient where peers differ, exact where a mistake must be told.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::message::{Message, kinds};

/// Why a message cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong, for the log and for the peer.
    pub message: String,
    /// The call that the message speaks of, if that much can be told and it asks for an answer.
    pub request_id: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    id: Option<String>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

/// Reads one message.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str) -> Result<Message<'_>, Malformed> {
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| Malformed {
        message: format!("not an envelope {{type, id, payload}}: {error}"),
        request_id: None,
    })?;
    let Envelope { kind, id, payload } = envelope;
    let id = id.unwrap_or_default();
    let message = match &*kind {
        kinds::REQUESTED => Message::Requested(part(&kind, &id, payload)?),
        kinds::RESPONDED => Message::Responded(part(&kind, &id, payload)?),
        kinds::COMPLETED => Message::Completed(part(&kind, &id, payload)?),
        kinds::ABORTED => Message::Aborted(part(&kind, &id, payload)?),
        kinds::ERROR => Message::Failed(part(&kind, &id, payload)?),
        kinds::CREDIT => Message::Credit(part(&kind, &id, payload)?),
        kinds::SUBSCRIBE => Message::Subscribe(topic(&kind, id, payload)?),
        kinds::UNSUBSCRIBE => Message::Unsubscribe(topic(&kind, id, payload)?),
        _ => Message::Event { kind, id, payload },
    };
    Ok(message)
}

fn part<'a, T: Deserialize<'a>>(kind: &str, id: &str, payload: Option<&'a RawValue>) -> Result<T, Malformed> {
    let text = payload.map_or("null", RawValue::get);
    serde_json::from_str(text).map_err(|error| Malformed {
        message: format!("{kind}: the payload is not right: {error}"),
        request_id: (kind == kinds::REQUESTED).then(|| request_id(text, id)).flatten(),
    })
}

/// The id of a request that is wrong otherwise, so that its sender can be told.
fn request_id(payload: &str, id: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Id {
        #[serde(rename = "requestId")]
        request_id: Value,
    }
    let said = serde_json::from_str::<Id>(payload).ok().map(|id| id.request_id);
    match said {
        Some(Value::String(said)) => Some(said),
        _ => (!id.is_empty()).then(|| id.to_owned()),
    }
}

/// Where the topic stands, the upstream leaves open: `id`, or `payload` as text or as `{topic}`.
fn topic(kind: &str, id: String, payload: Option<&RawValue>) -> Result<String, Malformed> {
    let said: Value =
        payload.and_then(|payload| serde_json::from_str(payload.get()).ok()).unwrap_or_default();
    let topic = match &said {
        Value::String(topic) => Some(topic.as_str()),
        said => said["topic"].as_str(),
    };
    match topic.or_else(|| (!id.is_empty()).then_some(&*id)) {
        Some(topic) => Ok(topic.to_owned()),
        None => Err(Malformed {
            message: format!("{kind}: no topic, neither as id nor as payload nor as payload.topic"),
            request_id: None,
        }),
    }
}
