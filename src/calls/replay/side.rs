//! What is told of a difference.

use alkhub_core::{CallError, engine::Output, registry::Entry};
use serde_json::{Value, json};

use super::{Divergence, node::Node};
use crate::{
    calls::writer,
    storage::calls::{Body, Row, Status, id},
};

/// A text as a value, as far as it is kept.
pub(super) fn value(body: &Body) -> Option<Value> {
    body.text().and_then(|text| serde_json::from_slice(text).ok())
}

/// Where another call was made, or one is missing, or one is too many.
pub(super) fn call(
    parent: &Row,
    position: u32,
    recorded: Option<&Node>,
    actual: Option<(&str, &Body)>,
) -> Divergence {
    let mut told = json!({ "kind": "call", "position": position, "parentRequestId": id(&parent.id) });
    if let Some(node) = recorded {
        told["recorded"] = json!({ "requestId": id(&node.row.id), "operationId": node.row.operation });
        if let Some(input) = value(&node.kept.input) {
            told["recorded"]["input"] = input;
        }
    }
    if let Some((operation, input)) = actual {
        told["actual"] = json!({ "operationId": operation });
        if let Some(input) = value(input) {
            told["actual"]["input"] = input;
        }
    }
    told
}

/// How a call ended otherwise than its record says.
///
/// # Errors
/// EXECUTION_ERROR where an output is no JSON.
pub(super) fn ends(
    top: &Node,
    entry: &Entry,
    ended: &Result<Output, CallError>,
) -> Result<Option<Divergence>, CallError> {
    let row = &top.row;
    // What was cut off came to no end of its own.
    if Status::of(&row.status) == Some(Status::Aborted) {
        return Ok(None);
    }
    let mut recorded = json!({ "requestId": id(&row.id), "operationId": row.operation });
    let mut actual = json!({ "operationId": row.operation });
    let mut same = false;
    match ended {
        Ok(output) => {
            let kept = writer::answered(output, entry.output_schema(), entry.is_own());
            if Status::of(&row.status) == Some(Status::Completed) {
                let was = value(&top.kept.output.clone().unwrapped());
                let is = value(&kept.clone().unwrapped());
                // What is not kept cannot be compared.
                same = was.is_none() || was == is;
            }
            actual["output"] = value(&kept).unwrap_or_default();
        }
        Err(error) => {
            same = row.error_code.as_deref() == Some(&*error.code);
            actual["error"] = json!({ "code": error.code, "message": error.message });
        }
    }
    if same {
        return Ok(None);
    }
    match &row.error_code {
        Some(code) => recorded["error"] = json!({ "code": code, "message": top.failure().message }),
        None => recorded["output"] = value(&top.kept.output).unwrap_or_default(),
    }
    let parent = row.parent_id.as_ref().map_or_else(|| id(&row.id), |parent| id(parent));
    Ok(Some(json!({
        "kind": "output", "position": row.ordinal, "parentRequestId": parent, "recorded": recorded, "actual": actual,
    })))
}
