//! The bus, within the process and through Redis, and hubs that hear each other through it.

mod away;
mod elsewhere;
mod forwarding;
mod graph;
mod hubs;
mod listening;
mod losses;
mod nodes;
mod replays;
mod three;
mod told;
mod wire;

use std::{sync::Arc, time::Duration};

use alkhub::bus::{self, Bus, Counters, Heard, Reach, Settings, Subscription};
use bytes::Bytes;
use futures::StreamExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::support::{
    redis::{PATIENCE, common, prefix},
    until,
};

/// A bus that runs until it is dropped.
struct Line {
    bus: Arc<dyn Bus>,
    counters: Counters,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Line {
    fn new(settings: Option<&Settings>) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let counters = Counters::new().expect("counters");
        let bus = bus::start(settings, &counters, &tasks, &stop).expect("a bus");
        Self { bus, counters, tasks, stop }
    }

    /// Through this Redis, and connected to it.
    async fn through(settings: &Settings) -> Self {
        let line = Self::new(Some(settings));
        line.is(Reach::Reachable).await;
        line
    }

    async fn is(&self, reach: Reach) {
        until("the bus is as expected", PATIENCE, async || self.bus.reach() == reach).await;
    }

    async fn publish(&self, topic: &str, text: &str) {
        self.bus.publish(topic, Bytes::copy_from_slice(text.as_bytes())).await.expect("published");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Settings for a Redis, with time for a loaded machine.
fn settings(url: &str, prefix: &str) -> Settings {
    Settings { url: url.into(), prefix: prefix.to_owned(), timeout: Duration::from_secs(10) }
}

/// Runs a test on a bus of each kind that the environment offers.
async fn each_line(test: impl AsyncFn(&Line)) {
    println!("-- within the process");
    test(&Line::new(None)).await;
    if let Some(url) = common() {
        println!("-- through Redis");
        test(&Line::through(&settings(&url, &prefix())).await).await;
    }
}

/// The next that is heard, which must come.
#[track_caller]
fn next(subscription: &mut Subscription) -> impl Future<Output = Heard> + '_ {
    let place = std::panic::Location::caller();
    async move {
        let heard = tokio::time::timeout(PATIENCE, subscription.next()).await;
        heard.unwrap_or_else(|_| panic!("{place}: nothing was heard")).expect("the bus goes on")
    }
}

fn message(text: &str) -> Heard {
    Heard::Message(Bytes::copy_from_slice(text.as_bytes()))
}
