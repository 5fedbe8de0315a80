//! What `tools/list` shows and `tools/call` calls: four tools that reach every operation, and operations that are
//! declared `mcp: tool`.

mod batch;
mod call;
mod collect;
mod four;
mod own;
mod result;
mod schema;
mod search;
mod typescript;

use std::sync::Arc;

use alkhub_core::{CallError, Engine, Identity, McpMode, registry::Entry};
use parking_lot::Mutex;
use rmcp::model::{CallToolResult, ErrorData, Tool};
use serde_json::{Map, Value};
use uuid::Uuid;

pub(super) use collect::{Collecting, Progress};
pub use own::tool_name;
pub(super) use result::problem;

use super::context::Context;
use crate::config::Live;

/// Operations that are tools of their own, by the name of the tool.
type Own = Vec<(Arc<str>, Arc<Entry>)>;

/// All tools. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tools {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    config: Live,
    /// Of a generation of the registry.
    own: Mutex<(u64, Arc<Own>)>,
    four: Vec<Tool>,
}

/// A call of a tool.
pub(super) struct Asked<'a> {
    pub(super) cx: &'a Context,
    pub(super) arguments: Map<String, Value>,
    pub(super) progress: Progress,
    /// `alkhub/idempotencyKey` of the request's `_meta`.
    pub(super) key: Option<String>,
}

impl Tools {
    pub(super) fn new(engine: Engine, config: Live) -> Self {
        let own = Mutex::new((u64::MAX, Arc::default()));
        Self { inner: Arc::new(Inner { engine, config, own, four: four::all() }) }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The operations that are tools of their own, as far as this caller may call them.
    pub(super) fn own(&self, caller: &Identity) -> Own {
        let own = self.every_own();
        own.iter().filter(|(_, entry)| entry.access().allows(Some(caller))).cloned().collect()
    }

    fn every_own(&self) -> Arc<Own> {
        let registry = self.inner.engine.registry();
        let generation = registry.generation();
        let mut slot = self.inner.own.lock();
        if slot.0 != generation {
            *slot = (generation, Arc::new(own::named(registry.all())));
        }
        slot.1.clone()
    }

    /// All that this caller may call.
    pub(super) fn list(&self, caller: &Identity) -> Vec<Tool> {
        let own = self.own(caller);
        self.inner
            .four
            .iter()
            .cloned()
            .chain(own.iter().map(|(name, entry)| own::tool(name, entry)))
            .collect()
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// Where there is none of this name; what goes wrong in one is a result.
    pub(super) async fn call(&self, name: &str, asked: Asked<'_>) -> Result<CallToolResult, ErrorData> {
        let id = asked.cx.request_id;
        // Boxed: the futures of rare tools would make that of every call large.
        let answer = match name {
            "call" => Box::pin(call::run(self, asked)).await,
            "search" => Box::pin(search::run(self, asked)).await,
            "schema" => Box::pin(schema::run(self, asked)).await,
            "batch" => Box::pin(batch::run(self, asked)).await,
            name => {
                let own = self.every_own();
                let found =
                    own.binary_search_by(|(held, _)| (**held).cmp(name)).ok().map(|at| own[at].1.clone());
                // One that the caller may not call is not told apart from one that is not there.
                let entry = found.filter(|entry| entry.access().allows(Some(&asked.cx.caller)));
                let Some(entry) = entry else {
                    let message = format!(
                        "Unknown tool: {name}. tools/list names those that there are; `search` finds other operations, for `call`."
                    );
                    return Err(ErrorData::invalid_params(message, None));
                };
                call::own(self, entry, asked).await
            }
        };
        Ok(answer.unwrap_or_else(|error| result::failed(&error, id)))
    }

    /// The entry of an operation that this caller may reach by MCP.
    ///
    /// # Errors
    /// OPERATION_NOT_FOUND, also where the caller may not call it or MCP does not offer it.
    pub(super) fn reach(&self, id: &str, caller: &Identity) -> Result<Arc<Entry>, CallError> {
        let engine = &self.inner.engine;
        let found = engine.registry().resolve(id, Some(caller));
        if let Some(entry) = found.filter(|entry| entry.access().allows(Some(caller)) && is_offered(entry)) {
            return Ok(entry);
        }
        let mut error = CallError::operation_not_found(id);
        let near = engine.registry().nearest(id, Some(caller)).filter(|near| near != id);
        if let (Some(near), Some(details)) = (near, error.details.as_mut())
            && engine.registry().get(&near).is_some_and(|entry| is_offered(&entry))
        {
            error.message.push_str(&format!(" (did you mean {near}?)"));
            details["suggestion"] = near.into();
        } else {
            error.message.push_str("; the tool `search` finds operations by what they do");
        }
        Err(error)
    }

    /// Bounds of what is collected of a subscription, at most these.
    pub(super) fn collecting(&self) -> Collecting {
        let config = self.inner.config.load();
        let mcp = &config.mcp;
        Collecting { items: mcp.collect_items, bytes: mcp.collect_bytes, time: mcp.collect_for }
    }
}

fn is_offered(entry: &Entry) -> bool {
    entry.mcp() != McpMode::Hidden
}

/// The arguments of one of the four tools.
///
/// # Errors
/// VALIDATION_ERROR.
fn read<T: serde::de::DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, CallError> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| CallError::fault("", error.to_string()))
}

/// Calls an operation of the hub that serves one of the four tools.
async fn hub(
    tools: &Tools,
    cx: &Context,
    id: Uuid,
    operation: &str,
    input: Value,
) -> Result<Value, CallError> {
    let entry = tools.engine().find(operation, Some(&cx.caller))?;
    tools.engine().call(entry, cx.request(id, input)).await?.typed()
}

/// About so many tokens: models cut English and JSON into pieces of four letters, give or take.
fn tokens(bytes: usize) -> usize {
    bytes.div_ceil(4)
}
