//! An MCP server as callers see it.

use alkhub_api::shared;
use alkhub_core::{
    CallError,
    import::mcp::{Change, Field, fingerprint, fingerprint_of_all},
};
use serde_json::{Value, json};

use super::{Config, State, approved, changed};
use crate::{
    hub::Hub,
    imports::Status,
    storage::{services::Service, time::rfc3339},
};

/// A stored server, with what has become of it here; `whole` with its tools and what has changed about them.
///
/// # Errors
/// EXECUTION_ERROR where what is stored is not readable.
pub fn server(hub: &Hub, service: Service, whole: bool) -> Result<shared::McpServer, CallError> {
    let status = hub.imports.status(&service.name);
    let server = hub.mcp.server(&service.name);
    shown(service, status, server, whole)
}

/// The same, where nothing has become of it yet.
///
/// # Errors
/// As [`server`].
pub fn stored(service: Service) -> Result<shared::McpServer, CallError> {
    shown(service, None, None, false)
}

fn shown(
    service: Service,
    status: Option<Status>,
    server: Option<(String, String)>,
    whole: bool,
) -> Result<shared::McpServer, CallError> {
    let internal = |error: serde_json::Error| CallError::internal(&error);
    let config: Config = serde_json::from_str(&service.config).map_err(internal)?;
    let state: State =
        service.state.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut shown = json!({
        "name": service.name,
        "pin": config.pin,
        "requiredScopes": config.required_scopes,
        "hasBearer": config.bearer,
        "headerNames": config.headers,
        "envNames": config.env,
        "changed": state.changed,
        "revision": service.revision,
        "createdAt": rfc3339(service.created_at),
        "updatedAt": rfc3339(service.updated_at),
    });
    if let Some(url) = config.url {
        shown["url"] = url.into();
    }
    if let Some(program) = config.stdio {
        shown["stdio"] = serde_json::to_value(program).map_err(internal)?;
    }
    if let Some(version) = config.version {
        shown["version"] = version.into();
    }
    if let Some(status) = status {
        shown["status"] = of_status(status, server);
    }
    if whole {
        let tools = approved(service.document.as_deref());
        let tools = tools.iter().map(|tool| json!({ "tool": tool.name, "fingerprint": fingerprint(tool) }));
        shown["tools"] = tools.collect();
        let changes = changed(service.document.as_deref(), service.state.as_deref());
        shown["changes"] = changes.iter().map(of_change).collect();
        if let Some(offered) = state.offered {
            shown["offer"] = fingerprint_of_all(&offered).into();
        }
    }
    serde_json::from_value(shown).map_err(internal)
}

fn of_status(status: Status, server: Option<(String, String)>) -> Value {
    let rejected = status.rejected.iter().map(|(tool, reason)| json!({ "tool": tool, "reason": reason }));
    let mut shown = json!({
        "phase": status.phase,
        "since": rfc3339(i64::try_from(status.since).unwrap_or_default()),
        "operations": status.operations,
        "rejected": rejected.collect::<Vec<_>>(),
    });
    if let Some(reason) = status.reason {
        shown["reason"] = reason.into();
    }
    if let Some((server, protocol)) = server {
        (shown["server"], shown["protocol"]) = (server.into(), protocol.into());
    }
    shown
}

fn of_change(change: &Change) -> Value {
    let field = |field: &Field| json!({ "field": field.name, "before": field.before, "now": field.now });
    match change {
        Change::Added(tool) => json!({ "tool": tool, "change": "added" }),
        Change::Removed(tool) => json!({ "tool": tool, "change": "removed" }),
        Change::Changed(tool, fields) => {
            json!({ "tool": tool, "change": "changed", "fields": fields.iter().map(field).collect::<Vec<_>>() })
        }
    }
}
