//! From tools to the operations that are offered, with what was approved beside what the server says now.

use std::{collections::HashMap, sync::Arc};

use alkhub_core::{
    access::AccessControl,
    error::codes,
    import::mcp::{Change, Demands, Tool, changes, names, spec},
    registry::{Registered, SpecLimits},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Config,
    call::{Serve, TOOL_CHANGED},
    shared::Shared,
};
use crate::imports::Offered;

/// Changes that an event names.
const MOST_TOLD: usize = 100;

/// What is noted of a server beside what was approved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The tools that it offers now, where they are not as approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<Vec<Tool>>,
    /// How many differ.
    #[serde(default)]
    pub changed: usize,
}

/// The approved tools of a stored document.
#[must_use]
pub fn approved(document: Option<&str>) -> Vec<Tool> {
    document.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// What has changed since the approval, of a stored service.
#[must_use]
pub fn changed(document: Option<&str>, state: Option<&str>) -> Vec<Change> {
    let state: State = state.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    state.offered.map_or_else(Vec::new, |offered| changes(&approved(document), &offered))
}

/// What the event tells of changes.
pub(super) fn told(service: &str, changes: &[Change]) -> Value {
    let told: Vec<Value> = changes
        .iter()
        .take(MOST_TOLD)
        .map(|change| match change {
            Change::Added(tool) => json!({ "tool": tool, "change": "added" }),
            Change::Removed(tool) => json!({ "tool": tool, "change": "removed" }),
            Change::Changed(tool, fields) => {
                let fields: Vec<&str> = fields.iter().map(|field| field.name).collect();
                json!({ "tool": tool, "change": "changed", "fields": fields })
            }
        })
        .collect();
    json!({ "name": service, "kind": super::KIND, "changes": told, "total": changes.len() })
}

/// What one opening of a service makes operations with.
pub(super) struct Making {
    pub(super) shared: Arc<Shared>,
    pub(super) config: Config,
    pub(super) limits: SpecLimits,
}

/// Operations, and what cannot be one with the reason.
pub(super) type Made = (Vec<Offered>, Rejected);
/// Name of a tool, name of its operation, description.
pub type Named = (String, String, String);
/// Name of what was not taken, and why.
pub type Rejected = Vec<(String, String)>;

impl Making {
    /// The operations of these tools. Compiling schemas takes a while: not for a thread that others wait for.
    pub(super) fn operations(&self, approved: &[Tool], offered: &[Tool]) -> Made {
        let changed: HashMap<String, Change> = if self.config.pin {
            changes(approved, offered).into_iter().map(|change| (change.tool().to_owned(), change)).collect()
        } else {
            HashMap::new()
        };
        let mut rejected = Vec::new();
        let mut chosen = Vec::<(&Tool, bool)>::new();
        for tool in offered {
            match changed.get(&tool.name) {
                Some(Change::Added(_)) => {
                    rejected.push((tool.name.clone(), "it is new, and nobody has approved it".to_owned()));
                }
                // Under the description that was approved: the other one may be what is wrong with it.
                Some(_) => {
                    let before = approved.iter().find(|before| before.name == tool.name).unwrap_or(tool);
                    chosen.push((before, true));
                }
                None => chosen.push((tool, false)),
            }
        }
        let access =
            AccessControl { required_scopes: self.config.required_scopes.clone(), ..Default::default() };
        let demands = Demands {
            service: &self.shared.service,
            version: self.config.version.as_deref(),
            access: &access,
        };
        let names = names(chosen.iter().map(|(tool, _)| tool.name.as_str()));
        let mut made = Vec::with_capacity(chosen.len());
        for ((tool, refused), name) in chosen.into_iter().zip(names) {
            match self.operation(tool, &name, refused, &demands) {
                Ok(operation) => made.push(operation),
                Err(reason) => rejected.push((tool.name.clone(), reason)),
            }
        }
        (made, rejected)
    }

    /// The names of the operations of these tools: tool, operation, description; and what cannot be one.
    pub(super) fn named(&self, tools: &[Tool]) -> (Vec<Named>, Rejected) {
        let (made, rejected) = self.operations(tools, tools);
        let usable = tools.iter().filter(|tool| !rejected.iter().any(|(name, _)| *name == tool.name));
        let named = usable.zip(made).map(|(tool, made)| {
            (tool.name.clone(), made.operation.name.clone(), made.operation.description.clone())
        });
        (named.collect(), rejected)
    }

    fn operation(
        &self,
        tool: &Tool,
        name: &str,
        refused: bool,
        demands: &Demands<'_>,
    ) -> Result<Offered, String> {
        let mut spec = spec(tool, name, demands);
        spec["errorSchemas"] = json!([
            { "code": codes::EXECUTION_ERROR, "description": "The tool says that it failed.", "httpStatus": 500 },
            { "code": TOOL_CHANGED, "description": "The tool is not as it was approved.", "httpStatus": 409 },
        ]);
        let operation = Registered::read(&spec.to_string(), self.limits)?;
        let handler = Serve {
            shared: self.shared.clone(),
            tool: tool.name.clone(),
            operation: name.to_owned(),
            output_schema: tool.output_schema.clone(),
            refused,
        };
        Ok(Offered { operation: Arc::new(operation), handler: Arc::new(handler) })
    }
}
