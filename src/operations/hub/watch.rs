//! `hub.watch`

use std::time::Duration;

use alkhub_api::hub::watch::{Error, Input, Output, Watch};
use alkhub_core::{Call, Engine, ItemStream, Subscribe, call::now_ms};
use futures::{StreamExt, stream};
use tokio::time::{MissedTickBehavior, interval};

use crate::{convert::signed, hub::Hub, storage::time::rfc3339};

impl Subscribe<Watch> for Hub {
    async fn subscribe(&self, cx: &Call, input: Input) -> Result<ItemStream<Output, Error>, Error> {
        let mut ticks = interval(Duration::from_millis(u64::try_from(input.interval_ms).unwrap_or(5000)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (engine, started) = (cx.engine().clone(), self.started_ms);
        let items = stream::unfold(ticks, move |mut ticks| {
            let engine = engine.clone();
            async move {
                ticks.tick().await;
                Some((Ok(signs(&engine, started)), ticks))
            }
        });
        let count = input.count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
        Ok(items.take(count).boxed())
    }
}

fn signs(engine: &Engine, started_ms: u64) -> Output {
    let now = now_ms();
    Output {
        time: rfc3339(signed(now)),
        uptime_ms: signed(now.saturating_sub(started_ms)),
        operations: signed(engine.registry().len() as u64),
        calls_running: signed(engine.running()),
        calls_total: signed(engine.total()),
    }
}
