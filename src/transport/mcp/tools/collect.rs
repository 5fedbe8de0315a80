//! Subscriptions as tools: what comes for a while, told as progress meanwhile.

use std::time::Duration;

use alkhub_core::{CallError, ItemStream, engine::Output};
use futures::StreamExt;
use rmcp::{
    Peer, RoleServer,
    model::{CallToolResult, ProgressNotificationParam, ProgressToken},
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::result;
use crate::progress::Step;

/// Longest part of an item that its progress shows.
const SHOWN: usize = 500;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Collecting {
    pub(in super::super) items: usize,
    pub(in super::super) bytes: usize,
    pub(in super::super) time: Duration,
}

/// Where progress is told, if anybody asked for it.
pub(in super::super) struct Progress {
    told: Option<(Peer<RoleServer>, ProgressToken)>,
}

impl Progress {
    pub(in super::super) fn new(peer: Peer<RoleServer>, token: Option<ProgressToken>) -> Self {
        Self { told: token.map(|token| (peer, token)) }
    }

    /// Nobody asked.
    pub(in super::super) fn untold() -> Self {
        Self { told: None }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.told.is_some()
    }

    /// Passes on what the operation says of its progress.
    pub(super) async fn pass(&self, step: Step) {
        let Some((peer, token)) = &self.told else { return };
        let mut progress = ProgressNotificationParam::new(token.clone(), step.progress);
        (progress.total, progress.message) = (step.total, step.message);
        let _ = peer.notify_progress(progress).await;
    }

    /// Tells of the number of items so far, and of the last one.
    async fn tell(&self, number: usize, item: &str) {
        let Some((peer, token)) = &self.told else { return };
        #[expect(clippy::cast_precision_loss, reason = "there are far fewer items than 2^52")]
        let mut progress = ProgressNotificationParam::new(token.clone(), number as f64);
        let end = item.char_indices().map(|(at, _)| at).nth(SHOWN).unwrap_or(item.len());
        progress.message = Some(item[..end].to_owned());
        // Who has left hears nothing; that the call ends is the transport's to see.
        let _ = peer.notify_progress(progress).await;
    }
}

/// Collects items until the first bound. An error after some items is told beside them.
pub(super) async fn collect(
    mut items: ItemStream<Output, CallError>,
    bounds: Collecting,
    progress: &Progress,
    request_id: Uuid,
) -> Result<CallToolResult, CallError> {
    let until = Instant::now() + bounds.time;
    let (mut collected, mut bytes) = (Vec::new(), 0);
    let mut failure = None;
    let ended = loop {
        if collected.len() == bounds.items {
            break "items";
        }
        match timeout_at(until, items.next()).await {
            Err(_) => break "time",
            Ok(None) => break "completed",
            Ok(Some(Err(error))) if collected.is_empty() => return Err(error),
            Ok(Some(Err(error))) => {
                failure = Some(error);
                break "failed";
            }
            Ok(Some(Ok(item))) => {
                let item = item.into_data();
                bytes += item.len();
                if bytes > bounds.bytes {
                    break "bytes";
                }
                progress.tell(collected.len() + 1, &String::from_utf8_lossy(&item)).await;
                let item: Value =
                    serde_json::from_slice(&item).map_err(|error| CallError::internal(&error))?;
                collected.push(item);
            }
        }
    };
    let mut answer = json!({ "items": collected, "ended": ended });
    if let Some(error) = &failure {
        answer["error"] = result::problem(error, request_id);
    }
    let mut result = result::structured(answer);
    result.is_error = Some(failure.is_some());
    Ok(result)
}
