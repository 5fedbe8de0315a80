//! Serving what the other end asks for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Peer, faults::Fault, stream::silent};
use crate::{
    Call, CallError, Identity, Lineage,
    call::{Deadline, Transport},
    engine::Output,
    engine::{Answer, Input, Request},
    error::codes,
    once::IdempotencyKey,
    operation::ItemStream,
    protocol::{self, Credit, Requested},
};

/// A call of the other end that runs here.
pub(super) struct Served {
    cancel: CancellationToken,
    /// The other end does not want to hear of it any more.
    unwanted: Arc<AtomicBool>,
    /// Items of a subscription that may be sent; `None` where the other end sets no bound.
    credit: Option<Arc<Semaphore>>,
    lineage: Arc<Lineage>,
    /// Of its input.
    bytes: usize,
}

impl Served {
    pub(super) fn abort(&self) {
        self.unwanted.store(true, Ordering::Release);
        self.cancel.cancel();
    }

    /// A subscription whose other end says how fast it reads.
    pub(super) fn is_stream(&self) -> bool {
        self.credit.is_some()
    }
}

/// A request, taken out of the frame that it came in.
struct Wanted {
    request_id: Arc<str>,
    operation_id: String,
    claimed: Option<Identity>,
    request: Request,
    unwanted: Arc<AtomicBool>,
    credit: Option<Arc<Semaphore>>,
    /// Longest silence between two items that the other end bears.
    idle: Option<Duration>,
}

impl Peer {
    /// `call.requested`
    pub(super) fn requested(&self, wanted: Requested<'_>, frame: &Bytes) {
        let request_id: Arc<str> = wanted.request_id.as_ref().into();
        match self.admit(request_id.clone(), wanted, frame) {
            Ok(Some(wanted)) => {
                let peer = self.clone();
                tokio::spawn(async move { peer.serve(wanted).await });
            }
            Ok(None) => {}
            Err(error) => {
                let _ = self.send(protocol::failed(&request_id, &error));
            }
        }
    }

    fn admit(
        &self,
        request_id: Arc<str>,
        wanted: Requested<'_>,
        frame: &Bytes,
    ) -> Result<Option<Wanted>, CallError> {
        let limits = &self.inner.limits;
        let parent = wanted.parent_request_id.as_deref().and_then(|id| self.parent(id));
        // What a call needs that may finish is not new.
        if self.inner.refusing.load(Ordering::Acquire) && parent.is_none() {
            let mut error =
                CallError::new(codes::UNAVAILABLE, "This connection is about to end; connect again.");
            error.retry_after = Some(1);
            return Err(error);
        }
        let input = wanted.input.map_or(Bytes::from_static(b"{}"), |raw| super::kept(frame, raw.get()));
        let bytes = input.len();
        let input = Input::Text { json: input, depth: limits.json_depth };
        let mut request = match parent {
            Some(Parent::Call(call)) => call.child(input)?,
            Some(Parent::Served(lineage, cancel)) => {
                let mut request = Request::new(input, None, Transport::WebSocket);
                (request.parent, request.cancel) = (Some(lineage.id()), cancel);
                if lineage.is_stopping() {
                    return Err(CallError::aborted("cancelled"));
                }
                request.lineage = Some(lineage.child(request.id));
                request
            }
            None => Request::new(input, None, Transport::WebSocket),
        };
        if self.is_same_hub()
            && let Ok(id) = Uuid::try_parse(&request_id)
        {
            (request.id, request.lineage) = (id, None);
            request.parent = wanted.parent_request_id.as_deref().and_then(|id| Uuid::try_parse(id).ok());
        }
        request.transport = Transport::WebSocket;
        request.caller = None;
        request.peer = Some(self.clone());
        // By another caller than its parent, and so another call to be counted.
        request.counted = false;
        request.metadata = wanted.metadata.unwrap_or_default();
        // What anybody but a process of this hub says of it means nothing.
        if let Some(path) = request.metadata.remove(protocol::LINEAGE)
            && self.is_same_hub()
        {
            request.lineage = serde_json::from_value(path).ok().and_then(Lineage::read);
        }
        request.key = match request.metadata.remove(protocol::IDEMPOTENCY_KEY) {
            None | Some(Value::Null) => None,
            Some(Value::String(key)) => Some(IdempotencyKey::new(&key)?),
            Some(_) => return Err(CallError::bad_request("metadata.idempotencyKey must be a string.")),
        };
        let asked = wanted.deadline.filter(|deadline| *deadline > 0.0);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive; `as` saturates"
        )]
        if let Some(asked) = asked.map(|deadline| Deadline::from_epoch_ms(deadline as u64)) {
            request.deadline = Some(request.deadline.map_or(asked, |deadline| deadline.min(asked)));
        }
        let unwanted = Arc::new(AtomicBool::new(false));
        let credit = wanted.window.map(|window| Arc::new(Semaphore::new(window as usize)));
        let lineage = request.lineage.get_or_insert_with(|| Lineage::root(request.id)).clone();
        let mut served = self.inner.served.lock();
        if served.contains_key(&request_id) {
            // An answer would end the call that runs.
            self.inner.faults.note(
                Fault::Repeated,
                self.inner.number,
                "a request has the id of one that runs",
            );
            return Ok(None);
        }
        let waiting = self.inner.serving.load(Ordering::Relaxed);
        if served.len() >= limits.served || (waiting > 0 && waiting + bytes > limits.buffer_hard) {
            drop(served);
            self.inner.faults.note(Fault::Excess, self.inner.number, "more requests at once than are served");
            let mut error = CallError::new(
                codes::RATE_LIMITED,
                format!(
                    "As many requests of this connection run as may, {} or {} bytes of input; wait for answers.",
                    limits.served, limits.buffer_hard
                ),
            );
            error.retry_after = Some(1);
            return Err(error);
        }
        self.inner.serving.fetch_add(bytes, Ordering::Relaxed);
        served.insert(
            request_id.clone(),
            Served {
                cancel: request.cancel.clone(),
                unwanted: unwanted.clone(),
                credit: credit.clone(),
                lineage,
                bytes,
            },
        );
        drop(served);
        let idle = wanted.idle_timeout.filter(|millis| *millis > 0.0);
        Ok(Some(Wanted {
            request_id,
            operation_id: wanted.operation_id.into_owned(),
            claimed: wanted.identity,
            request,
            unwanted,
            credit,
            idle: idle.and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok()),
        }))
    }

    /// The call to which a call of the other end belongs: one that it serves for this end, or one of its own.
    fn parent(&self, id: &str) -> Option<Parent> {
        if let Ok(id) = Uuid::try_parse(id)
            && let Some(call) = self.inner.pending.lock().get(&id).and_then(|pending| pending.call.clone())
        {
            return Some(Parent::Call(call));
        }
        let served = self.inner.served.lock();
        served.get(id).map(|served| Parent::Served(served.lineage.clone(), served.cancel.child_token()))
    }

    async fn serve(&self, wanted: Wanted) {
        let Wanted { request_id, operation_id, claimed, mut request, unwanted, credit, idle } = wanted;
        let mut flow = Sending {
            credit,
            unwanted: unwanted.clone(),
            cancel: request.cancel.clone(),
            idle,
            deadline: request.deadline,
        };
        let answer = async {
            let service = &self.inner.service;
            request.caller = service.identify(self, claimed).await?;
            let entry = service.engine().find(&operation_id, request.caller.as_deref())?;
            if let Some(own) = entry.timeout().map(Deadline::after) {
                flow.deadline = Some(flow.deadline.map_or(own, |deadline| deadline.min(own)));
            }
            service.engine().dispatch(entry, request).await
        };
        // Boxed: the task lives as long as the call, and most of it is the engine's future.
        let end = match Box::pin(answer).await {
            Ok(Answer::Once(output)) => Some(self.fitting(
                &request_id,
                protocol::responded(&request_id, &output.into_envelope(&operation_id)),
            )),
            Ok(Answer::Stream(items)) => Some(self.stream(&request_id, &operation_id, items, flow).await),
            Err(error) => Some(self.failing(&request_id, &error)),
        };
        if let Some(served) = self.inner.served.lock().remove(&request_id) {
            self.inner.serving.fetch_sub(served.bytes, Ordering::Relaxed);
        }
        if let Some(frame) = end.filter(|_| !unwanted.load(Ordering::Acquire)) {
            let _ = self.send(frame);
        }
    }

    /// Sends items as far as the other end wants and reads them; answers with the frame that ends the stream.
    async fn stream(
        &self,
        request_id: &str,
        operation_id: &str,
        mut items: ItemStream<Output, CallError>,
        flow: Sending,
    ) -> Bytes {
        loop {
            if let Some(credit) = &flow.credit {
                tokio::select! {
                    permit = credit.acquire() => permit.map(tokio::sync::SemaphorePermit::forget).unwrap_or_default(),
                    () = flow.cancel.cancelled() => {}
                    // The stream itself says that its time is over, once it is asked.
                    () = over(flow.deadline) => {}
                }
            }
            self.inner.outbox.room().await;
            if flow.unwanted.load(Ordering::Acquire) || self.inner.closed.is_cancelled() {
                return protocol::aborted(request_id);
            }
            let next = match flow.idle {
                None => items.next().await,
                Some(idle) => match tokio::time::timeout(idle, items.next()).await {
                    Ok(next) => next,
                    Err(_) => return self.failing(request_id, &silent(idle)),
                },
            };
            match next {
                Some(Ok(item)) => {
                    let frame = protocol::responded(request_id, &item.into_envelope(operation_id));
                    if self.send(self.fitting(request_id, frame)).is_err() {
                        return protocol::aborted(request_id);
                    }
                }
                Some(Err(error)) => return self.failing(request_id, &error),
                None => return protocol::completed(request_id),
            }
        }
    }

    /// An answer that the other end would refuse for its size is replaced by an error that says so.
    fn fitting(&self, request_id: &str, frame: Bytes) -> Bytes {
        let limit = self.inner.limits.frame_bytes;
        if frame.len() <= limit {
            return frame;
        }
        let error = CallError::new(
            codes::PAYLOAD_TOO_LARGE,
            format!("The answer has {} bytes; a message may have {limit}.", frame.len()),
        );
        protocol::failed(request_id, &error)
    }

    /// An error, without its details where the other end would refuse it for its size.
    fn failing(&self, request_id: &str, error: &CallError) -> Bytes {
        const KEPT: usize = 1024;
        let frame = protocol::failed(request_id, error);
        if frame.len() <= self.inner.limits.frame_bytes {
            return frame;
        }
        let message: String = error.message.chars().take(KEPT).collect();
        let mut short = CallError::new(error.code.clone(), message);
        short.retry_after = error.retry_after;
        protocol::failed(request_id, &short)
    }

    /// `call.aborted` from the side that called.
    pub(super) fn unwanted(&self, request_id: &str) -> bool {
        let served = self.inner.served.lock();
        let Some(call) = served.get(request_id) else { return false };
        call.abort();
        true
    }

    /// `call.credit`
    pub(super) fn credited(&self, credit: &Credit<'_>) {
        let served = self.inner.served.lock();
        if let Some(Served { credit: Some(left), .. }) = served.get(&*credit.request_id) {
            let room = Semaphore::MAX_PERMITS.saturating_sub(left.available_permits());
            left.add_permits((credit.items as usize).min(room));
        }
    }
}

/// How the other end wants the items of a subscription.
struct Sending {
    credit: Option<Arc<Semaphore>>,
    unwanted: Arc<AtomicBool>,
    cancel: CancellationToken,
    idle: Option<Duration>,
    deadline: Option<Deadline>,
}

/// Waits for a deadline; for ever where there is none.
async fn over(deadline: Option<Deadline>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.at()).await,
        None => std::future::pending().await,
    }
}

enum Parent {
    Call(Call),
    Served(Arc<Lineage>, CancellationToken),
}
