//! Calling and subscribing outwards.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{
    Peer,
    pending::{Flow, Pending, Waiting},
    stream::Items,
};
use crate::{
    Call, CallError, Identity, ItemStream,
    call::Deadline,
    engine::Output,
    error::codes,
    protocol::{self, About},
    validate::depth,
};

/// A request to the other end.
pub struct Outgoing<'a> {
    /// Id of the call, which the other end sees; fresh for every request.
    pub id: Uuid,
    /// The operation, as the other end knows it.
    pub operation_id: &'a str,
    /// Input as JSON text.
    pub input: Bytes,
    /// The call of this side that makes it, if one does: calls that the other end makes on its behalf belong to it.
    pub call: Option<Call>,
    /// The id that the other end is told as the parent.
    pub parent: Option<Uuid>,
    /// When it must have ended.
    pub deadline: Option<Deadline>,
    /// On behalf of whom, where this end is a hub.
    pub identity: Option<&'a Identity>,
    /// Free data for the handler.
    pub metadata: Option<&'a Map<String, Value>>,
}

impl<'a> Outgoing<'a> {
    /// A request with a fresh id and nothing else said.
    #[must_use]
    pub fn new(operation_id: &'a str, input: impl Into<Bytes>) -> Self {
        Self {
            id: Uuid::now_v7(),
            operation_id,
            input: input.into(),
            call: None,
            parent: None,
            deadline: None,
            identity: None,
            metadata: None,
        }
    }

    fn frame(&self, window: Option<u32>) -> Bytes {
        let (mut own, mut parent) = (Uuid::encode_buffer(), Uuid::encode_buffer());
        let parent = self.parent.map(|id| &*id.hyphenated().encode_lower(&mut parent));
        let about = About {
            parent,
            deadline: self.deadline.map(Deadline::epoch_ms),
            identity: self.identity,
            metadata: self.metadata,
            window,
        };
        protocol::requested(
            self.id.hyphenated().encode_lower(&mut own),
            self.operation_id,
            &self.input,
            about,
        )
    }
}

/// Takes a call off the list however its future ends, and tells the other end where that does not know.
pub(super) struct Guard {
    pub(super) peer: Peer,
    pub(super) id: Uuid,
}

impl Drop for Guard {
    fn drop(&mut self) {
        use std::sync::atomic::Ordering::Relaxed;
        self.peer.inner.waiting.fetch_sub(1, Relaxed);
        if self.peer.inner.pending.lock().remove(&self.id).is_some() {
            let mut text = Uuid::encode_buffer();
            let _ = self.peer.send(protocol::aborted(self.id.hyphenated().encode_lower(&mut text)));
        }
    }
}

impl Peer {
    /// Calls an operation of the other end. Dropping the future aborts the call there.
    ///
    /// # Errors
    /// What the operation answers; ABORTED where the connection ends first; TIMEOUT at the deadline; UNAVAILABLE where
    /// too many calls wait.
    pub async fn call(&self, request: Outgoing<'_>) -> Result<Output, CallError> {
        let (answer, answered) = oneshot::channel();
        let deadline = request.deadline;
        let _guard = self.ask(&request, None, Waiting::Call(answer))?;
        drop(request);
        let answered = async { answered.await.unwrap_or_else(|_| Err(self.gone())) };
        let output = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline.at(), answered)
                .await
                .map_err(|_| CallError::timeout(deadline.epoch_ms()))??,
            None => answered.await?,
        };
        self.output(output)
    }

    /// Subscribes to an operation of the other end. Dropping the stream aborts it there; so does silence for longer
    /// than `idle`, which ends the stream with TIMEOUT.
    ///
    /// # Errors
    /// ABORTED where the connection is over; UNAVAILABLE where too many calls wait.
    pub fn subscribe(
        &self,
        request: &Outgoing<'_>,
        idle: Option<Duration>,
    ) -> Result<ItemStream<Output, CallError>, CallError> {
        let window = self.inner.limits.window;
        // The sender may be one item ahead of what it was told: it counts after it has sent.
        let (sender, items) = mpsc::channel(window as usize + 1);
        let flow = Arc::new(Flow::default());
        let guard = self.ask(request, Some(window), Waiting::Stream(sender, flow.clone()))?;
        let items = Items { guard, items, flow, idle, taken: 0, grant: (window / 2).max(1), ended: false };
        Ok(futures::stream::unfold(items, Items::next).boxed())
    }

    fn ask(&self, request: &Outgoing<'_>, window: Option<u32>, kind: Waiting) -> Result<Guard, CallError> {
        use std::sync::atomic::Ordering::Relaxed;
        let frame = request.frame(window);
        if frame.len() > self.inner.limits.frame_bytes {
            return Err(CallError::new(
                codes::PAYLOAD_TOO_LARGE,
                format!("The call is larger than {} bytes.", self.inner.limits.frame_bytes),
            ));
        }
        {
            let mut pending = self.inner.pending.lock();
            if pending.len() >= self.inner.limits.pending {
                let mut error =
                    CallError::new(codes::UNAVAILABLE, "Too many calls wait for this peer; try again.");
                error.retry_after = Some(1);
                return Err(error);
            }
            pending.insert(request.id, Pending { call: request.call.clone(), kind });
        }
        self.inner.waiting.fetch_add(1, Relaxed);
        let guard = Guard { peer: self.clone(), id: request.id };
        if let Err(gone) = self.send(frame) {
            self.inner.pending.lock().remove(&request.id);
            return Err(gone);
        }
        // The connection may have ended between the look and the entry; then nobody would answer.
        if self.inner.closed.is_cancelled() {
            self.inner.pending.lock().remove(&request.id);
            return Err(self.gone());
        }
        Ok(guard)
    }

    /// An answer of the other end as an output.
    pub(super) fn output(&self, text: Bytes) -> Result<Output, CallError> {
        if depth::exceeds(&text, self.inner.limits.json_depth) {
            return Err(CallError::new(
                codes::EXECUTION_ERROR,
                format!("The answer is nested more than {} levels deep.", self.inner.limits.json_depth),
            ));
        }
        Output::enveloped(text).ok_or_else(|| {
            CallError::new(codes::EXECUTION_ERROR, "The answer is no response envelope {data, meta}.")
        })
    }
}
