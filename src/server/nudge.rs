//! Tells the other processes that there are new events to read. A hint: who misses it finds them at its next look.

use std::sync::Arc;

use alkhub_core::protocol;
use futures::StreamExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bus::{self, Bus},
    events::Events,
};

/// Type of the message: a process has numbered events.
const NUMBERED: &str = "hub.events";

/// Tells others of what is numbered here, and looks at what is numbered elsewhere, until `stop` is cancelled.
pub(super) async fn start(
    events: &Events,
    bus: &Arc<dyn Bus>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let mut heard = bus.subscribe(&bus::topic(NUMBERED, "")).await;
    let reader = events.clone();
    tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
        // After a gap too: something may have been numbered meanwhile.
        while heard.next().await.is_some() {
            reader.wake();
        }
    }));
    let (mut relayed, bus) = (events.relayed(), bus.clone());
    tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
        while relayed.changed().await.is_ok() {
            let sequence = relayed.borrow_and_update().to_string();
            let message = protocol::event(NUMBERED, "", format!(r#"{{"sequence":{sequence}}}"#).as_bytes());
            // Away: the others look by themselves, a little later.
            let _ = bus.publish(&bus::topic(NUMBERED, ""), message).await;
        }
    }));
}
