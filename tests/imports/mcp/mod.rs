//! MCP servers: their tools are called as operations, through a hub and real connections.

mod calling;
mod changing;
mod losing;
mod program;
mod server;
mod several;
mod storing;

use serde_json::{Value, json};

use self::server::Scripted;
use crate::support::hub::{Answer, TestHub};

/// Lets the hub call servers of this machine, and seal what is secret on any database.
pub(super) fn allow_loopback(config: &mut alkhub::config::Config) {
    config.secrets.master_key = Some("a master key for tests".into());
    config.outbound.allow = vec!["127.0.0.0/8".parse().expect("a network")];
}

/// Imports a scripted server under the name `srv`, with what else is said.
async fn import(hub: &TestHub, server: &Scripted, more: Value) -> Value {
    let mut input = json!({ "name": "srv", "url": server.url() });
    input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    hub.post("/api/mcp-servers", input).await.ok()
}

/// Calls an operation through the gateway.
async fn call(hub: &TestHub, operation: &str, input: Value) -> Answer {
    hub.post("/api/call", json!({ "operationId": operation, "input": input })).await
}
