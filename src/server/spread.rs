//! Signals of spokes, from the process where they come and go to the sockets of every process.

use std::sync::Arc;

use alkhub_core::protocol;
use bytes::Bytes;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bus::{self, Bus, Heard, Subscription},
    spokes::{SIGNALS, Spokes},
    transport::ws::Sockets,
};

/// Signals that wait to be published; further ones are heard in this process alone.
const WAITING: usize = 1024;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

struct Signal {
    kind: String,
    payload: String,
}

/// Publishes what becomes of spokes here, and hears what becomes of them anywhere, until `stop` is cancelled.
pub(super) async fn start(
    spokes: &Spokes,
    bus: &Arc<dyn Bus>,
    sockets: &Sockets,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let here = sockets.clone();
    spokes.listen(move |kind, payload| {
        let signal = Signal { kind: kind.to_owned(), payload: payload.to_string() };
        if let Err(refused) = sender.try_send(signal) {
            let signal = refused.into_inner();
            here.publish(&signal.kind, "", signal.payload.as_bytes());
        }
    });
    tasks.spawn(publish(receiver, bus.clone(), sockets.clone(), stop.clone()));
    for kind in SIGNALS {
        // Before the first spoke can come: it does not wait for a Redis that is away.
        let heard = bus.subscribe(&bus::topic(kind, "")).await;
        tasks.spawn(stop.clone().run_until_cancelled_owned(hear(kind, heard, sockets.clone())));
    }
}

async fn publish(
    mut waiting: mpsc::Receiver<Signal>,
    bus: Arc<dyn Bus>,
    sockets: Sockets,
    stop: CancellationToken,
) {
    loop {
        // First what waits: a hub that stops still tells of the spokes that it parted from.
        let signal = tokio::select! {
            biased;
            signal = waiting.recv() => signal,
            () = stop.cancelled() => None,
        };
        let Some(Signal { kind, payload }) = signal else { return };
        let message = protocol::event(&kind, "", payload.as_bytes());
        if let Err(error) = bus.publish(&bus::topic(&kind, ""), message).await {
            tracing::debug!(cause = error.cause, "a signal of a spoke is heard in this process alone");
            sockets.publish(&kind, "", payload.as_bytes());
        }
    }
}

async fn hear(kind: &'static str, mut heard: Subscription, sockets: Sockets) {
    while let Some(heard) = heard.next().await {
        match heard {
            Heard::Message(message) => pass_on(&message, kind, &sockets),
            // These are hints, and none is kept: who must know asks `spoke.list`.
            Heard::Gap => tracing::debug!(kind, "signals of spokes may have been missed"),
        }
    }
}

fn pass_on(message: &Bytes, topic: &str, sockets: &Sockets) {
    match serde_json::from_slice::<Envelope<'_>>(message) {
        // Nothing that came over one topic goes out under another, where others may listen.
        Ok(signal) if signal.kind == topic => {
            sockets.publish(&signal.kind, &signal.id, signal.payload.get().as_bytes());
        }
        Ok(_) => tracing::warn!(topic, "a message on the bus has another type than its topic, and was left"),
        Err(error) => tracing::warn!(topic, %error, "a message on the bus is no envelope, and was left"),
    }
}
