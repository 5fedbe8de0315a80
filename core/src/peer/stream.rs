//! The receiving end of a subscription.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;

use super::{call::Guard, pending::Flow};
use crate::{CallError, engine::Output, error::codes, protocol};

/// Items as they arrive.
pub(super) struct Items {
    pub(super) guard: Guard,
    pub(super) items: mpsc::Receiver<Bytes>,
    pub(super) flow: Arc<Flow>,
    pub(super) idle: Option<Duration>,
    /// Items consumed that the sender has not been told of.
    pub(super) taken: u32,
    /// So many are told at once.
    pub(super) grant: u32,
    pub(super) ended: bool,
}

impl Items {
    /// The next item, or how it ended.
    pub(super) async fn next(mut self) -> Option<(Result<Output, CallError>, Self)> {
        if self.ended {
            return None;
        }
        let received = match self.idle {
            Some(idle) => match tokio::time::timeout(idle, self.items.recv()).await {
                Ok(received) => received,
                Err(_) => {
                    // The guard tells the other end.
                    self.ended = true;
                    return Some((Err(silent(idle)), self));
                }
            },
            None => self.items.recv().await,
        };
        match received {
            Some(item) => {
                self.flow.bytes.fetch_sub(item.len(), Ordering::Relaxed);
                self.count();
                let output = self.guard.peer.output(item);
                self.ended = output.is_err();
                Some((output, self))
            }
            None => {
                self.ended = true;
                let error = self.flow.error.lock().take();
                error.map(|error| (Err(error), self))
            }
        }
    }

    fn count(&mut self) {
        self.taken += 1;
        if self.taken >= self.grant {
            let mut text = uuid::Uuid::encode_buffer();
            let id = self.guard.id.hyphenated().encode_lower(&mut text);
            let _ = self.guard.peer.send(protocol::credit(id, std::mem::take(&mut self.taken)));
        }
    }
}

/// No item came for so long.
pub(super) fn silent(idle: Duration) -> CallError {
    let millis = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
    CallError::new(codes::TIMEOUT, format!("No item came for {millis} ms."))
        .with_details(json!({ "idleTimeout": millis }))
}
