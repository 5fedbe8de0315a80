//! The word to the other processes of the hub that they are to read their configuration again.

use std::{borrow::Cow, sync::Arc};

use alkhub_core::protocol;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Reloader;
use crate::bus::{self, Bus, Heard, Reach};

/// Type of the message.
const RELOAD: &str = "hub.reload";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    from: Cow<'a, str>,
}

/// The other processes. Cheap to clone.
#[derive(Clone)]
pub struct Others {
    bus: Arc<dyn Bus>,
    node_id: Arc<str>,
}

impl Others {
    /// Hears from others, until `stop` is cancelled, and speaks to them in the name of this process.
    pub async fn start(
        bus: &Arc<dyn Bus>,
        node_id: &str,
        reloader: Reloader,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let mut heard = bus.subscribe(&bus::topic(RELOAD, "")).await;
        let others = Self { bus: bus.clone(), node_id: node_id.into() };
        let mine = others.node_id.clone();
        tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
            while let Some(heard) = heard.next().await {
                let meant = match heard {
                    Heard::Message(message) => match serde_json::from_slice::<Envelope<'_>>(&message) {
                        Ok(Envelope { payload }) => payload.from != *mine,
                        Err(error) => {
                            tracing::warn!(%error, "a message on the bus is none of a process, and was left");
                            false
                        }
                    },
                    // A word may have been missed, and to read once more harms nobody.
                    Heard::Gap => true,
                };
                if meant {
                    reloader.reload("bus").await;
                }
            }
        }));
        others
    }

    /// Tells them. Whether they were told, where there are any: false while the bus is away.
    pub async fn tell(&self) -> bool {
        let payload = json!({ "from": &*self.node_id }).to_string();
        let message = protocol::event(RELOAD, "", payload.as_bytes());
        match self.bus.reach() {
            Reach::Local => true,
            _ => self.bus.publish(&bus::topic(RELOAD, ""), message).await.is_ok(),
        }
    }
}
