//! Subscriptions over HTTP: server-sent events, one `data:` frame an item.

use std::time::Duration;

use alkhub_core::{CallError, engine::Output, operation::ItemStream};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{StreamExt, stream};
use poem::{Body, Response};
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::problem;

struct State {
    items: ItemStream<Output, CallError>,
    heartbeat: Interval,
    stopping: CancellationToken,
    request_id: Uuid,
    ended: bool,
}

/// The answer to a subscription; comments at an interval keep proxies from closing a silent one. When the client leaves, the body is dropped, and with it the call.
#[must_use]
pub(super) fn response(
    items: ItemStream<Output, CallError>,
    request_id: Uuid,
    stopping: CancellationToken,
    keep_alive: Duration,
) -> Response {
    let mut heartbeat = interval_at(tokio::time::Instant::now() + keep_alive, keep_alive);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = State { items, heartbeat, stopping, request_id, ended: false };
    let frames = stream::unfold(state, next).map(Ok::<_, std::io::Error>);
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
            Some(Ok(item)) => Some((frame(None, &item.into_data()), state)),
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
    frame(Some("error"), problem::body(error, request_id).to_string().as_bytes())
}

/// JSON text has no line breaks of its own, so one `data:` line holds it.
fn frame(event: Option<&str>, data: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(data.len() + 32);
    if let Some(event) = event {
        frame.put_slice(b"event: ");
        frame.put_slice(event.as_bytes());
        frame.put_u8(b'\n');
    }
    frame.put_slice(b"data: ");
    frame.put_slice(data);
    frame.put_slice(b"\n\n");
    frame.freeze()
}
