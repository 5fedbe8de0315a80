//! Between recorded calls and what operations answer with.

use alkhub_api::shared;
use alkhub_core::{Call, CallError, Identity};
use serde::{
    Deserialize,
    de::{IntoDeserializer, value::StrDeserializer},
};
use serde_json::Value;
use uuid::Uuid;

use crate::storage::{
    calls::{self, Body, Row},
    time::rfc3339,
};

/// Scope with which the calls of others may be seen.
pub(crate) const READ: &str = "call:read";

/// Whether a caller may see all calls.
#[must_use]
pub(crate) fn sees_all(cx: &Call) -> bool {
    cx.identity().is_some_and(|identity| identity.has_scope(READ))
}

/// Whether a caller may end and replay the calls of all.
#[must_use]
pub(crate) fn rules_all(cx: &Call) -> bool {
    cx.identity().is_some_and(|identity| identity.has_scope("call:admin"))
}

/// Whether a caller may see a call: its own, one that it has led to, or any with the scope for it.
#[must_use]
pub(crate) fn may_see(cx: &Call, row: &Row) -> bool {
    sees_all(cx) || is_of(cx.identity(), row.owner.as_deref()) || is_own(cx, row)
}

/// Whether a caller may see what a call was given and answered: what a spoke calls on its behalf is the spoke's.
#[must_use]
pub(crate) fn is_own(cx: &Call, row: &Row) -> bool {
    is_of(cx.identity(), row.identity.as_deref())
}

fn is_of(caller: Option<&Identity>, id: Option<&str>) -> bool {
    caller.zip(id).is_some_and(|(caller, id)| caller.id == id)
}

/// The id of a call, as it was asked for.
///
/// # Errors
/// VALIDATION_ERROR.
pub(crate) fn request_id(text: &str) -> Result<Uuid, CallError> {
    Uuid::try_parse(text).map_err(|_| CallError::fault("/requestId", "must be the id of a call, a UUID"))
}

/// A call.
///
/// # Errors
/// EXECUTION_ERROR where the shared type does not fit.
pub(crate) fn node(row: &Row) -> Result<shared::CallNode, CallError> {
    let id = |key: &[u8]| calls::id(key).to_string();
    Ok(shared::CallNode {
        request_id: id(&row.id),
        root_request_id: id(&row.root_id),
        parent_request_id: row.parent_id.as_deref().map(id),
        replay_of: row.origin_id.as_deref().map(id),
        ordinal: row.ordinal.into(),
        depth: row.depth.into(),
        operation_id: row.operation.clone(),
        type_: word(&row.kind)?,
        status: word(&row.status)?,
        transport: word(&row.transport)?,
        record: word(&row.record)?,
        node_id: row.node.clone(),
        identity: row.identity.clone(),
        spoke: row.spoke.clone(),
        session: row.session.clone(),
        trace_id: row.trace_id.clone(),
        depends_on: row.depends_on.as_deref().map(|ids| ids.split(',').map(str::to_owned).collect()),
        started_at: rfc3339(row.started_at),
        ended_at: row.ended_at.map(rfc3339),
        #[allow(clippy::cast_precision_loss, reason = "a number for people")]
        duration_ms: row.duration_us.map(|micros| micros as f64 / 1000.0),
        error: row.error_code.as_deref().map(|code| failure(code, row.error.as_deref())),
    })
}

/// A word of an enumeration.
fn word<'de, T: Deserialize<'de>>(word: &'de str) -> Result<T, CallError> {
    let word: StrDeserializer<'de, serde::de::value::Error> = word.into_deserializer();
    T::deserialize(word).map_err(|error| CallError::internal(&error))
}

/// How a call failed, of the text that is kept of it.
fn failure(code: &str, text: Option<&str>) -> shared::CallFailure {
    let mut kept: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    shared::CallFailure {
        code: code.to_owned(),
        message: kept["message"].as_str().unwrap_or_default().to_owned(),
        details: kept.get_mut("details").map(Value::take),
    }
}

/// What is kept of an input or an output.
#[must_use]
pub(crate) fn body(body: &Body, shown: bool) -> shared::CallBody {
    let value = body.text().filter(|_| shown).and_then(|text| serde_json::from_slice(text).ok());
    let state = match body {
        _ if !shown => shared::CallBodyState::Hidden,
        Body::None => shared::CallBodyState::None,
        Body::Whole(_) => shared::CallBodyState::Whole,
        Body::Cut(_) => shared::CallBodyState::Cut,
        Body::TooLarge => shared::CallBodyState::TooLarge,
    };
    shared::CallBody { state, value }
}
