//! `GET /mcp`, for clients of revisions with sessions: the stream of notifications, or the rest of an answer that
//! broke off (`Last-Event-ID`).

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use alkhub_core::{CallError, Identity, error::codes};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::HeaderMap;
use poem::{Body, Response};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Interval, MissedTickBehavior, interval_at},
};

use super::{
    changes::Changes,
    relay::{self, Relay},
    session::Nonce,
    streams::Mark,
    tools::Tools,
};
use crate::transport::http::HttpState;

const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
/// Begins the id of an event of the stream of notifications; what follows stands for the tools as they were.
const TOOLS: &str = "tools.";

/// Serves such requests.
pub(super) struct Standing {
    pub(super) state: HttpState,
    pub(super) tools: Tools,
    pub(super) relay: Relay,
    pub(super) places: Arc<Semaphore>,
}

impl Standing {
    /// The answer to a GET.
    ///
    /// # Errors
    /// BAD_REQUEST, UNAVAILABLE where there are too many streams, or what asking for the key gives.
    pub(super) async fn serve(
        &self,
        headers: &HeaderMap,
        caller: &Identity,
        session: Option<Nonce>,
    ) -> Result<Response, CallError> {
        let accept =
            headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !accept.contains("text/event-stream") && !accept.contains("*/*") {
            return Err(CallError::bad_request("Accept must name text/event-stream."));
        }
        let place = self.place()?;
        let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
        let seen = last.and_then(|last| u64::from_str_radix(last.strip_prefix(TOOLS)?, 16).ok());
        match (last, seen) {
            (Some(last), None) => {
                let mark = Mark::parse(last).ok_or_else(|| {
                    CallError::bad_request("Last-Event-ID is not the id of an event of this hub.")
                })?;
                let session = session.ok_or_else(|| {
                    CallError::bad_request("Mcp-Session-Id is missing; a stream belongs to its session.")
                })?;
                let events = relay::frames(self.relay.resume(&caller.id, session, mark).await);
                Ok(self.response(events, place, Some(session)))
            }
            _ => {
                let changes = Changes::new(&self.state, &self.tools, caller, seen)
                    .await
                    .map_err(|_| CallError::unavailable("store of keys"))?;
                // The first event has an id and no message: whoever loses the connection early can tell what it has seen.
                let first =
                    stream::iter(
                        [format!("retry: 1000\nid: {TOOLS}{:x}\ndata: \n\n", changes.mark()).into()],
                    );
                let events = stream::unfold(changes, |mut changes| async move {
                    let changed = changes.next().await;
                    changed.then(|| {
                        let frame = format!("id: {TOOLS}{:x}\ndata: {CHANGED}\n\n", changes.mark());
                        (Bytes::from(frame), changes)
                    })
                });
                Ok(self.response(first.chain(events), place, session))
            }
        }
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, CallError> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            let mut error =
                CallError::new(codes::UNAVAILABLE, "The hub holds as many streams as it may; try again.");
            error.retry_after = Some(5);
            error
        })
    }

    fn response(
        &self,
        events: impl Stream<Item = Bytes> + Send + 'static,
        place: OwnedSemaphorePermit,
        session: Option<Nonce>,
    ) -> Response {
        let (stopping, ended) = (self.state.stopping.clone(), self.relay.ended().clone());
        let over = async move {
            let ended = async move {
                match session {
                    Some(session) => ended.wait(session).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stopping.cancelled() => {}
                () = ended => {}
            }
        };
        let events = events.take_until(over);
        let keep_alive = self.state.config.load().limits.subscription_keep_alive;
        event_stream(KeptAlive::new(events.boxed(), keep_alive, place))
    }
}

/// An answer of server-sent events.
pub(super) fn event_stream(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    Response::builder()
        .content_type("text/event-stream")
        .header("cache-control", "no-store")
        .header("x-accel-buffering", "no")
        .body(Body::from_bytes_stream(frames.map(Ok::<_, std::io::Error>)))
}

/// Frames, with comments where there are none for a while, and what is held as long as they are read.
pub(super) struct KeptAlive<H> {
    frames: stream::BoxStream<'static, Bytes>,
    ticks: Interval,
    _held: H,
}

impl<H> KeptAlive<H> {
    pub(super) fn new(frames: stream::BoxStream<'static, Bytes>, keep_alive: Duration, held: H) -> Self {
        let mut ticks = interval_at(tokio::time::Instant::now() + keep_alive, keep_alive);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { frames, ticks, _held: held }
    }
}

impl<H: Unpin> Stream for KeptAlive<H> {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Poll::Ready(item) = self.frames.poll_next_unpin(cx) {
            return Poll::Ready(item);
        }
        self.ticks.poll_tick(cx).map(|_| Some(Bytes::from_static(b":\n\n")))
    }
}

/// Errors that cannot be.
pub(super) fn never<T>(never: Result<T, Infallible>) -> T {
    match never {
        Ok(value) => value,
        Err(never) => match never {},
    }
}
