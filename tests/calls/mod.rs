//! The call graph: what is recorded, how it is shown, and how calls are ended.

mod aborting;
mod recording;
mod replaying;
mod resuming;
mod secrets;
mod watching;

use serde_json::Value;

use crate::support::{hub::TestHub, until};

/// What `call.list` shows of an operation once so many calls of it have ended.
async fn recorded(hub: &TestHub, operation: &str, count: usize) -> Vec<Value> {
    let path = format!("/api/calls?operationId={operation}");
    let mut items = Vec::new();
    until("the calls are recorded", std::time::Duration::from_secs(60), async || {
        let page = hub.get(&path).await.ok();
        items = page["items"].as_array().expect("items").clone();
        items.len() >= count && items.iter().all(|call| call["endedAt"].is_string())
    })
    .await;
    items
}
