//! Between recorded calls and what operations answer with.

use alkhub_api::shared;
use alkhub_core::{Call, CallError, Identity};
use serde_json::{Value, json};
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
    serde_json::from_value(value(row)).map_err(|error| CallError::internal(&error))
}

fn value(row: &Row) -> Value {
    let mut node = json!({
        "requestId": calls::id(&row.id),
        "rootRequestId": calls::id(&row.root_id),
        "ordinal": row.ordinal,
        "depth": row.depth,
        "operationId": row.operation,
        "type": row.kind,
        "status": row.status,
        "transport": row.transport,
        "nodeId": row.node,
        "record": row.record,
        "startedAt": rfc3339(row.started_at),
    });
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            node[name] = value;
        }
    };
    add("parentRequestId", row.parent_id.as_deref().map(|id| json!(calls::id(id))));
    add("replayOf", row.origin_id.as_deref().map(|id| json!(calls::id(id))));
    add("identity", row.identity.as_deref().map(Value::from));
    add("spoke", row.spoke.as_deref().map(Value::from));
    add("session", row.session.as_deref().map(Value::from));
    add("traceId", row.trace_id.as_deref().map(Value::from));
    add("dependsOn", row.depends_on.as_deref().map(|ids| ids.split(',').collect()));
    add("endedAt", row.ended_at.map(|at| rfc3339(at).into()));
    #[allow(clippy::cast_precision_loss, reason = "a number for people")]
    add("durationMs", row.duration_us.map(|micros| json!(micros as f64 / 1000.0)));
    if let Some(code) = &row.error_code {
        let mut error: Value =
            row.error.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        error["code"] = code.as_str().into();
        if !error["message"].is_string() {
            error["message"] = "".into();
        }
        node["error"] = error;
    }
    node
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
