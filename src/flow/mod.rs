//! The operation graph and call templates as handlers use them.

pub(crate) mod run;
pub(crate) mod templates;

use std::collections::BTreeSet;

use alkhub_api::shared::{GraphEdge, GraphNode};
use alkhub_core::{
    Call, CallError,
    flow::{Edge, Graph, Place},
    registry::Entry,
};
use serde_json::json;

use crate::{convert, hub::Hub};

/// Brings the graph to what the registry is now.
///
/// # Errors
/// EXECUTION_ERROR where the work does not end, which nothing brings about.
pub(crate) async fn follow(hub: &Hub, cx: &Call) -> Result<(), CallError> {
    if hub.graph.read().is_current(cx.engine().registry()) {
        return Ok(());
    }
    // Where much is new it takes a while; other calls go on meanwhile.
    let (graph, engine) = (hub.graph.clone(), cx.engine().clone());
    let followed = tokio::task::spawn_blocking(move || graph.write().follow(engine.registry())).await;
    followed.map_err(|error| CallError::internal(&error))
}

/// Whether this caller is shown an operation.
#[must_use]
pub(crate) fn is_visible(cx: &Call, entry: &Entry) -> bool {
    entry.access().allows(cx.identity()) && convert::is_offered(cx, entry)
}

/// The name of a type as schemas write it.
#[must_use]
pub(crate) fn type_name(name: &str) -> &str {
    if name.eq_ignore_ascii_case("url") { "uri" } else { name }
}

/// What a caller means: an operation that it may call, else a type.
///
/// # Errors
/// OPERATION_NOT_FOUND where it looks like an operation and is none.
pub(crate) fn place<'a>(graph: &Graph, cx: &Call, name: &'a str) -> Result<Place<'a>, CallError> {
    if graph.get(name).is_some_and(|entry| is_visible(cx, entry)) {
        return Ok(Place::Operation(name));
    }
    if name.contains('.') {
        return Err(CallError::operation_not_found(name));
    }
    Ok(Place::Type(type_name(name)))
}

/// An operation as the graph shows it.
///
/// # Errors
/// EXECUTION_ERROR where the shared type does not fit, which code generation rules out.
pub(crate) fn node(
    entry: &Entry,
    taken: &BTreeSet<&str>,
    given: &BTreeSet<&str>,
) -> Result<GraphNode, CallError> {
    let node = json!({
        "operationId": entry.id(),
        "type": entry.kind().as_str(),
        "title": entry.title(),
        "takes": taken,
        "gives": given,
    });
    serde_json::from_value(node).map_err(|error| CallError::internal(&error))
}

/// An edge as the graph shows it.
///
/// # Errors
/// As [`node`].
pub(crate) fn edge(edge: &Edge) -> Result<GraphEdge, CallError> {
    let bindings = edge.bindings.iter().map(|binding| {
        json!({
            "input": binding.input,
            "output": binding.output,
            "type": binding.anchor,
            "required": binding.required,
        })
    });
    let mut shown = json!({
        "operationId": edge.to.id(),
        "type": edge.to.kind().as_str(),
        "title": edge.to.title(),
        "compatible": edge.missing.is_empty(),
        "bindings": bindings.collect::<Vec<_>>(),
    });
    if let Some(missing) = edge.missing.first() {
        shown["detail"] = format!("/{missing}: is required, and has to come from elsewhere").into();
    }
    serde_json::from_value(shown).map_err(|error| CallError::internal(&error))
}
