//! `mcp.json`: what MCP clients may see of the operations.

use serde_json::{Value, json};

use crate::{
    lower::{canonical, lower},
    model::{Kind, Mcp, Model, Operation},
};

/// One line an operation, so that a change reads well.
pub(super) fn print(model: &Model) -> String {
    let shown = model.operations.iter().filter(|op| op.mcp != Mcp::Hidden);
    let lines: Vec<String> = shown.map(|op| format!("  {}", canonical(&descriptor(model, op)))).collect();
    if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
}

fn descriptor(model: &Model, op: &Operation) -> Value {
    let reads = op.kind != Kind::Mutation;
    let removes = op.http.as_ref().is_some_and(|route| route.method == "DELETE");
    let mut value = json!({
        "id": op.id,
        "title": op.title,
        "description": op.description,
        "inputSchema": lower(model, &op.input),
        "outputSchema": lower(model, &op.output),
        "annotations": {
            "readOnlyHint": reads,
            "destructiveHint": removes,
            "idempotentHint": reads || removes || op.idempotent,
        },
    });
    if let (Mcp::Tool, Some(object)) = (op.mcp, value.as_object_mut()) {
        object.insert("name".to_owned(), json!(format!("{}_{}", op.namespace, op.name)));
    }
    value
}
