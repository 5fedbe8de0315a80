//! A tool as its server describes it, and the operation that it becomes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::access::AccessControl;

/// A tool of `tools/list`. What else a server says of it (icons, `_meta`) is left: nobody here reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// Its name there.
    pub name: String,
    /// Short title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of the input.
    #[serde(default)]
    pub input_schema: Value,
    /// JSON Schema of the structured result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// Hints of the server on what the tool does; nobody has checked them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Map<String, Value>>,
}

impl Tool {
    /// Whether the server claims that a repetition does no harm: it says both that the tool only reads and that
    /// repeating it changes nothing (ADR 0040).
    #[must_use]
    pub fn claims_repeatable(&self) -> bool {
        let says = |hint: &str| {
            self.annotations.as_ref().and_then(|hints| hints.get(hint)).is_some_and(|value| *value == true)
        };
        says("readOnlyHint") && says("idempotentHint")
    }

    /// The title: its own, else that of the annotations.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        let annotated = || self.annotations.as_ref()?.get("title")?.as_str();
        self.title.as_deref().or_else(annotated).filter(|title| !title.is_empty())
    }
}

/// What all tools of a server have in common as operations.
#[derive(Clone, Debug)]
pub struct Demands<'a> {
    /// Name of the service, which is the namespace.
    pub service: &'a str,
    /// Version of the operations; `1.0.0` unless the service says another.
    pub version: Option<&'a str>,
    /// Demands on the caller.
    pub access: &'a AccessControl,
}

/// The `OperationSpec` of a tool under this name. A mutation, whatever the hints say (ADR 0040).
#[must_use]
pub fn spec(tool: &Tool, name: &str, demands: &Demands<'_>) -> Value {
    let mut spec = json!({
        "namespace": demands.service,
        "name": name,
        "version": demands.version.unwrap_or("1.0.0"),
        "type": "mutation",
        "description": tool.description.as_deref().unwrap_or_default(),
        "tags": [],
        "inputSchema": object(&tool.input_schema),
        "outputSchema": tool.output_schema.as_ref().map_or_else(|| json!({}), object),
        "accessControl": demands.access,
    });
    if let Some(title) = tool.title() {
        spec["title"] = title.into();
    }
    if tool.claims_repeatable() {
        spec["idempotent"] = true.into();
    }
    spec
}

/// A schema; what is none describes anything.
fn object(schema: &Value) -> Value {
    if schema.is_object() || schema.is_boolean() { schema.clone() } else { json!({}) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Registered, SpecLimits};

    fn tool(value: Value) -> Tool {
        serde_json::from_value(value).expect("a tool")
    }

    fn of(tool: &Tool) -> Value {
        let access = AccessControl::default();
        spec(tool, "add", &Demands { service: "calc", version: None, access: &access })
    }

    #[test]
    fn a_tool_becomes_an_operation_that_can_be_registered() {
        let tool = tool(json!({
            "name": "add", "description": "Adds.", "icons": [{ "src": "x" }],
            "inputSchema": { "type": "object", "properties": { "a": { "type": "number" } }, "required": ["a"] },
            "outputSchema": { "type": "object", "properties": { "sum": { "type": "number" } } },
            "annotations": { "title": "Addition", "readOnlyHint": true },
        }));
        let spec = of(&tool);
        assert_eq!(
            (&spec["type"], &spec["version"], &spec["tags"]),
            (&json!("mutation"), &json!("1.0.0"), &json!([]))
        );
        assert_eq!((&spec["title"], spec.get("idempotent")), (&json!("Addition"), None));
        let registered = Registered::read(&spec.to_string(), SpecLimits::default()).expect("registered");
        assert_eq!((registered.plain_id().as_str(), registered.repeatable), ("calc.add", false));
        assert!(registered.access.identity);
    }

    #[test]
    fn both_hints_make_it_repeatable() {
        for (read_only, idempotent, expected) in
            [(true, true, true), (true, false, false), (false, true, false), (false, false, false)]
        {
            let tool = tool(json!({
                "name": "a", "annotations": { "readOnlyHint": read_only, "idempotentHint": idempotent },
            }));
            assert_eq!(of(&tool).get("idempotent").is_some(), expected, "{read_only} {idempotent}");
        }
    }

    #[test]
    fn what_is_missing_is_anything() {
        let spec = of(&tool(json!({ "name": "a" })));
        assert_eq!((&spec["inputSchema"], &spec["outputSchema"]), (&json!({}), &json!({})));
        assert_eq!((&spec["description"], spec.get("title")), (&json!(""), None));
    }
}
