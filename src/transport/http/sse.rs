//! Subscriptions over HTTP: server-sent events, one `data:` frame an item.

use std::{
    borrow::Cow,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use alkhub_core::{CallError, Descriptor, Kind, engine::Output, operation::ItemStream};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use poem::{Body, Response};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use uuid::Uuid;

use super::problem;

/// The input property after whose number a resumable subscription begins, which `Last-Event-ID` sets.
pub(super) const SINCE: &str = "since";
/// How long a browser waits before it comes again.
const RETRY: &[u8] = b"retry: 1000\n\n";

/// Whether a subscription can be resumed: its items have numbers, and its input says after which one to begin.
#[must_use]
pub(super) fn is_resumable(descriptor: &Descriptor) -> bool {
    let declares = |schema: &str, name: &str| {
        let schema: Value = serde_json::from_str(schema).unwrap_or_default();
        let target =
            schema["$ref"].as_str().and_then(|reference| schema.pointer(reference.strip_prefix('#')?));
        target.unwrap_or(&schema)["properties"][name]["type"] == "integer"
    };
    descriptor.kind == Kind::Subscription
        && declares(descriptor.output_schema, "sequence")
        && declares(descriptor.input_schema, SINCE)
}

/// What of an item stands beside its data where a subscription is resumable.
#[derive(Default, Deserialize)]
struct Mark<'a> {
    sequence: Option<u64>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

/// What is sent: items, the word of an error, and comments in between.
struct Frames {
    items: ItemStream<Output, CallError>,
    heartbeat: Interval,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    request_id: Uuid,
    resumable: bool,
    begun: bool,
    ended: bool,
}

/// The answer to a subscription; comments at an interval keep proxies from closing a silent one. Items of a resumable
/// one have their number as `id` and their type as `event`. When the client leaves, the body is dropped, and with it
/// the call.
#[must_use]
pub(super) fn response(
    items: ItemStream<Output, CallError>,
    request_id: Uuid,
    stopping: &CancellationToken,
    keep_alive: Duration,
    resumable: bool,
) -> Response {
    let mut heartbeat = interval_at(tokio::time::Instant::now() + keep_alive, keep_alive);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let frames = Frames {
        items,
        heartbeat,
        // A token of its own: thousands that look at one would wait for each other.
        stopping: Box::pin(stopping.child_token().cancelled_owned()),
        request_id,
        resumable,
        begun: false,
        ended: false,
    };
    Response::builder()
        .content_type("text/event-stream")
        .header("cache-control", "no-store")
        .header("x-accel-buffering", "no")
        .body(Body::from_bytes_stream(frames.map(Ok::<_, std::io::Error>)))
}

impl Stream for Frames {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.resumable && !std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(Some(Bytes::from_static(RETRY)));
        }
        if self.stopping.as_mut().poll(cx).is_ready() {
            self.ended = true;
            let error = CallError::aborted("the hub is stopping; subscribe again");
            return Poll::Ready(Some(failure(&error, self.request_id)));
        }
        match self.items.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(item))) => Poll::Ready(Some(self.print(&item))),
            Poll::Ready(Some(Err(error))) => {
                self.ended = true;
                Poll::Ready(Some(failure(&error, self.request_id)))
            }
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => self.heartbeat.poll_tick(cx).map(|_| Some(Bytes::from_static(b":\n\n"))),
        }
    }
}

impl Frames {
    fn print(&self, item: &Output) -> Bytes {
        if self.resumable {
            item.frame(|data| frame(&mark(data), data))
        } else {
            frame(&Mark::default(), item.text())
        }
    }
}

fn failure(error: &CallError, request_id: Uuid) -> Bytes {
    let mark = Mark { sequence: None, kind: Some(Cow::Borrowed("error")) };
    frame(&mark, problem::body(error, request_id).to_string().as_bytes())
}

/// A type that is not one word would break the frame.
fn mark(data: &[u8]) -> Mark<'_> {
    let mark: Mark<'_> = serde_json::from_slice(data).unwrap_or_default();
    Mark { kind: mark.kind.filter(|kind| !kind.contains(['\n', '\r'])), ..mark }
}

/// JSON text has no line breaks of its own, so one `data:` line holds it.
fn frame(mark: &Mark<'_>, data: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(data.len() + 96);
    if let Some(sequence) = mark.sequence {
        frame.put_slice(b"id: ");
        frame.put_slice(sequence.to_string().as_bytes());
        frame.put_u8(b'\n');
    }
    if let Some(event) = &mark.kind {
        frame.put_slice(b"event: ");
        frame.put_slice(event.as_bytes());
        frame.put_u8(b'\n');
    }
    frame.put_slice(b"data: ");
    frame.put_slice(data);
    frame.put_slice(b"\n\n");
    frame.freeze()
}
