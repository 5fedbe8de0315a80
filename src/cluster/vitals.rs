//! How busy spokes are, told to the other processes: what changed in a second in one message, and all of it now and then,
//! for those that have just come or have missed something.

use std::{collections::HashMap, sync::Arc, time::Duration};

use alkhub_core::protocol;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bus::{self, Bus, Heard, Reach, Subscription},
    spokes::{Reported, Spokes},
};

/// Type of the message.
const TOLD: &str = "hub.vitals";
/// Changes within so long are told together.
const TOGETHER: Duration = Duration::from_secs(1);
/// Everything is told again every so many times.
const AGAIN: u32 = 10;
/// Spokes of one message.
const MOST: usize = 500;

#[derive(Deserialize, Serialize)]
struct Told {
    node: String,
    spokes: Vec<Reported>,
}

#[derive(Deserialize)]
struct Envelope {
    payload: Told,
}

/// Tells of spokes here and hears of those elsewhere, until `stop` is cancelled.
pub(super) async fn start(
    spokes: &Spokes,
    bus: &Arc<dyn Bus>,
    node_id: &str,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let heard = bus.subscribe(&bus::topic(TOLD, "")).await;
    let listening = hear(heard, spokes.clone(), node_id.to_owned());
    tasks.spawn(stop.clone().run_until_cancelled_owned(listening));
    let telling = tell(bus.clone(), spokes.clone(), node_id.to_owned());
    tasks.spawn(stop.clone().run_until_cancelled_owned(telling));
}

async fn tell(bus: Arc<dyn Bus>, spokes: Spokes, node: String) {
    let mut ticks = interval(TOGETHER);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut told, mut turn) = (HashMap::new(), 0_u32);
    loop {
        ticks.tick().await;
        if bus.reach() != Reach::Reachable {
            continue;
        }
        if turn.is_multiple_of(AGAIN) {
            told.clear();
        }
        turn = turn.wrapping_add(1);
        let now = spokes.report();
        let is_news = |one: &&Reported| told.get(&one.id) != Some(*one);
        let news: Vec<Reported> = now.iter().filter(is_news).cloned().collect();
        for part in news.chunks(MOST) {
            let said = Told { node: node.clone(), spokes: part.to_vec() };
            let Ok(payload) = serde_json::to_vec(&said) else { continue };
            // Away: all is told again, a little later.
            let _ = bus.publish(&bus::topic(TOLD, ""), protocol::event(TOLD, "", &payload)).await;
        }
        told = now.into_iter().map(|one| (one.id.clone(), one)).collect();
    }
}

async fn hear(mut heard: Subscription, spokes: Spokes, own: String) {
    while let Some(heard) = heard.next().await {
        let Heard::Message(message) = heard else { continue };
        match serde_json::from_slice::<Envelope>(&message) {
            Ok(Envelope { payload }) if payload.node != own => {
                payload.spokes.into_iter().for_each(|one| spokes.reported(&payload.node, one));
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a message on the bus is no report of spokes, and was left"),
        }
    }
}
