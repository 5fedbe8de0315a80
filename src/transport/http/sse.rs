//! Subscriptions over HTTP: server-sent events, one `data:` frame an item.

use std::{borrow::Cow, time::Duration};

use alkhub_core::{CallError, Descriptor, Kind, engine::Output, operation::ItemStream};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{StreamExt, stream};
use poem::{Body, Response};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
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

struct State {
    items: ItemStream<Output, CallError>,
    heartbeat: Interval,
    stopping: CancellationToken,
    request_id: Uuid,
    resumable: bool,
    ended: bool,
}

/// The answer to a subscription; comments at an interval keep proxies from closing a silent one. Items of a resumable
/// one have their number as `id` and their type as `event`. When the client leaves, the body is dropped, and with it
/// the call.
#[must_use]
pub(super) fn response(
    items: ItemStream<Output, CallError>,
    request_id: Uuid,
    stopping: CancellationToken,
    keep_alive: Duration,
    resumable: bool,
) -> Response {
    let mut heartbeat = interval_at(tokio::time::Instant::now() + keep_alive, keep_alive);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = State { items, heartbeat, stopping, request_id, resumable, ended: false };
    let first = stream::iter(resumable.then_some(Bytes::from_static(RETRY)));
    let frames = first.chain(stream::unfold(state, next)).map(Ok::<_, std::io::Error>);
    Response::builder()
        .content_type("text/event-stream")
        .header("cache-control", "no-store")
        .header("x-accel-buffering", "no")
        .body(Body::from_bytes_stream(frames))
}

async fn next(mut state: State) -> Option<(Bytes, State)> {
    if state.ended {
        return None;
    }
    tokio::select! {
        biased;
        () = state.stopping.cancelled() => {
            state.ended = true;
            let error = CallError::aborted("the hub is stopping; subscribe again");
            Some((failure(&error, state.request_id), state))
        }
        item = state.items.next() => match item {
            Some(Ok(item)) => {
                let data = item.into_data();
                let mark = if state.resumable { mark(&data) } else { Mark::default() };
                Some((frame(&mark, &data), state))
            }
            Some(Err(error)) => {
                state.ended = true;
                Some((failure(&error, state.request_id), state))
            }
            None => None,
        },
        _ = state.heartbeat.tick() => Some((Bytes::from_static(b":\n\n"), state)),
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
