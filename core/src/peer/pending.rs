//! Calls that wait for the other end (upstream reference section 2.2).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{Peer, faults::Fault};
use crate::{
    Call, CallError,
    error::codes,
    protocol::{Failed, Responded},
};

/// A call that waits, and the call of this side that made it.
pub(super) struct Pending {
    pub(super) call: Option<Call>,
    pub(super) kind: Waiting,
}

/// For what it waits.
pub(super) enum Waiting {
    /// One answer.
    Call(oneshot::Sender<Result<Bytes, CallError>>),
    /// Items.
    Stream(mpsc::Sender<Bytes>, Arc<Flow>),
}

/// What a stream's two ends share.
#[derive(Default)]
pub(super) struct Flow {
    /// Bytes that wait to be consumed.
    pub(super) bytes: AtomicUsize,
    /// The error with which the stream ends after what was received before.
    pub(super) error: Mutex<Option<CallError>>,
}

impl Pending {
    pub(super) fn fail(self, error: CallError) {
        match self.kind {
            // Nobody may wait any more.
            Waiting::Call(answer) => drop(answer.send(Err(error))),
            Waiting::Stream(_, flow) => *flow.error.lock() = Some(error),
        }
    }
}

impl Peer {
    fn take_pending(&self, request_id: &str) -> Option<Pending> {
        let taken =
            uuid::Uuid::try_parse(request_id).ok().and_then(|id| self.inner.pending.lock().remove(&id));
        if taken.is_none() {
            // Most often an answer that came after its call was given up, which nobody is to blame for.
            self.inner.faults.count(Fault::Unasked, self.inner.number);
        }
        taken
    }

    /// `call.responded`: the answer of a call, or the next item of a stream. `frame` is where it was read from.
    pub(super) fn responded(&self, responded: &Responded<'_>, frame: &Bytes) {
        let Ok(id) = uuid::Uuid::try_parse(&responded.request_id) else {
            return self.inner.faults.count(Fault::Unasked, self.inner.number);
        };
        let output = super::kept(frame, responded.output.get());
        let mut pending = self.inner.pending.lock();
        match pending.get(&id) {
            None => self.inner.faults.count(Fault::Unasked, self.inner.number),
            Some(Pending { kind: Waiting::Call(_), .. }) => {
                let waiting = pending.remove(&id);
                drop(pending);
                if let Some(Pending { kind: Waiting::Call(answer), .. }) = waiting {
                    drop(answer.send(Ok(output)));
                }
            }
            Some(Pending { kind: Waiting::Stream(items, flow), .. }) => {
                let size = output.len();
                let waiting = flow.bytes.fetch_add(size, Ordering::Relaxed) + size;
                let taken = waiting <= self.inner.limits.stream_bytes && items.try_send(output).is_ok();
                if !taken {
                    let overrun = pending.remove(&id);
                    drop(pending);
                    self.overrun(&responded.request_id, overrun);
                }
            }
        }
    }

    /// The consumer is slower than a sender that does not wait: its own stream ends, and nothing else.
    fn overrun(&self, request_id: &str, stream: Option<Pending>) {
        if let Some(stream) = stream {
            stream.fail(CallError::aborted(
                "slow_consumer: items came faster than they were read, and too many waited",
            ));
        }
        let _ = self.send(crate::protocol::aborted(request_id));
    }

    /// `call.error`
    pub(super) fn failed(&self, failed: Failed<'_>) {
        if let Some(pending) = self.take_pending(&failed.request_id) {
            let mut error = CallError::new(failed.code, failed.message);
            error.details = failed.details;
            pending.fail(error);
        }
    }

    /// `call.completed`: the clean end of a stream; a call was promised an answer.
    pub(super) fn completed(&self, request_id: &str) {
        if let Some(pending) = self.take_pending(request_id)
            && matches!(pending.kind, Waiting::Call(_))
        {
            pending.fail(CallError::new(codes::ABORTED, "The call was completed without response."));
        }
    }

    /// `call.aborted` from the side that serves: the end of a call, and the clean end of a stream.
    pub(super) fn aborted(&self, request_id: &str) {
        if let Some(pending) = self.take_pending(request_id)
            && matches!(pending.kind, Waiting::Call(_))
        {
            pending.fail(CallError::new(codes::ABORTED, "The call was aborted by the peer that served it."));
        }
    }
}
