//! Between what the hub keeps and what operations answer with.

use alkhub_api::shared;
use alkhub_core::{Call, CallError, McpMode, call::Transport, engine::Output, registry::Entry};
use serde_json::json;

use crate::{
    events::types::POSITION,
    storage::{
        audit::Actor,
        events::Event,
        keys::{Key, Status},
        projects::Project,
        time::{now_ms, rfc3339},
    },
};

/// The output of an operation in its envelope.
///
/// # Errors
/// EXECUTION_ERROR where the output is not JSON, which no handler makes.
pub(crate) fn envelope(operation_id: &str, output: Output) -> Result<shared::ResponseEnvelope, CallError> {
    serde_json::from_slice(&output.into_envelope(operation_id)).map_err(|error| CallError::internal(&error))
}

/// An operation as lists show it.
///
/// # Errors
/// EXECUTION_ERROR where the shared type does not fit, which code generation rules out.
pub(crate) fn summary(entry: &Entry) -> Result<shared::OperationSummary, CallError> {
    let mut summary = json!({
        "id": entry.id(),
        "namespace": entry.namespace(),
        "name": entry.name(),
        "type": entry.kind().as_str(),
        "title": entry.title(),
        "description": entry.description(),
        "tags": entry.tags().collect::<Vec<_>>(),
    });
    if let Some(spoke) = entry.spoke() {
        summary["spoke"] = spoke.into();
    }
    serde_json::from_value(summary).map_err(|error| CallError::internal(&error))
}

/// Whether an operation is offered where this call came from: MCP does not show what is hidden from it.
#[must_use]
pub(crate) fn is_offered(cx: &Call, entry: &Entry) -> bool {
    cx.transport() != Transport::Mcp || entry.mcp() != McpMode::Hidden
}

/// Counters and times as JSON integers, which end at 2^53 - 1 here.
#[must_use]
pub(crate) fn signed(number: u64) -> i64 {
    const LARGEST: i64 = 9_007_199_254_740_991;
    i64::try_from(number).unwrap_or(LARGEST).min(LARGEST)
}

/// The same back: what is below 0 is 0.
#[must_use]
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Who acts by this call.
#[must_use]
pub(crate) fn actor(cx: &Call) -> Actor {
    Actor {
        key_id: cx.identity().map(|identity| identity.id.clone()),
        request_id: Some(cx.request_id().to_string()),
    }
}

/// A key as callers see it.
#[must_use]
pub(crate) fn key(key: Key) -> shared::Key {
    shared::Key {
        status: match key.status(now_ms()) {
            Status::Active => shared::KeyStatus::Active,
            Status::Expired => shared::KeyStatus::Expired,
            Status::Revoked => shared::KeyStatus::Revoked,
        },
        id: key.id,
        name: key.name,
        scopes: key.scopes,
        resources: key.resources,
        created_at: rfc3339(key.created_at),
        created_by: key.created_by,
        expires_at: key.expires_at.map(rfc3339),
        revoked_at: key.revoked_at.map(rfc3339),
        last_used_at: key.last_used_at.map(rfc3339),
    }
}

/// A project as callers see it.
#[must_use]
pub(crate) fn project(project: Project) -> shared::Project {
    shared::Project {
        id: project.id,
        name: project.name,
        repository: project.repository,
        description: project.description,
        archived: project.archived,
        created_at: rfc3339(project.created_at),
        updated_at: rfc3339(project.updated_at),
    }
}

/// An event as callers see it.
#[must_use]
pub(crate) fn event(event: &Event) -> shared::Event {
    shared::Event {
        sequence: event.sequence,
        type_: event.kind.clone(),
        id: event.key.clone(),
        payload: event.payload.clone(),
        project: event.project.clone(),
        session: event.session.clone(),
        time: rfc3339(event.created_at),
    }
}

/// What tells a reader of events how far it has come.
#[must_use]
pub(crate) fn position(sequence: i64) -> shared::Event {
    shared::Event {
        sequence,
        type_: POSITION.to_owned(),
        id: String::new(),
        payload: serde_json::Value::Null,
        project: None,
        session: None,
        time: rfc3339(now_ms()),
    }
}
