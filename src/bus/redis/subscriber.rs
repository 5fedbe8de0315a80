//! The connection that hears. It is told of the topics that have listeners, and of all of them again when it was lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::redis::{
    Client, Msg, RedisResult,
    aio::{PubSub, PubSubSink},
};
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::{sleep, timeout};

use super::{CHECK, pause::Pause};
use crate::bus::{Counters, LARGEST, Settings, listeners::Listeners};

/// Topics of one command.
const BATCH: usize = 500;

pub(super) struct Subscriber {
    client: Client,
    listeners: Arc<Listeners>,
    prefix: String,
    timeout: Duration,
    connected: AtomicBool,
    counters: Counters,
}

impl Subscriber {
    pub(super) fn new(
        client: Client,
        settings: &Settings,
        listeners: Arc<Listeners>,
        counters: Counters,
    ) -> Self {
        let (prefix, timeout) = (settings.prefix.clone(), settings.timeout);
        Self { client, listeners, prefix, timeout, connected: AtomicBool::new(false), counters }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Connects, and connects again.
    pub(super) async fn keep(&self) {
        let (mut pause, mut before) = (Pause::default(), false);
        loop {
            let reason = match timeout(self.timeout, self.client.get_async_pubsub()).await {
                Ok(Ok(connection)) => self.hear(connection, &mut before).await,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            // Also where only some of the topics had been confirmed.
            self.listeners.lost();
            if self.connected.swap(false, Ordering::Relaxed) {
                pause.reset();
            }
            if pause.is_first() {
                tracing::warn!(reason, "Redis is away: events of other processes are not heard");
            }
            pause.wait().await;
        }
    }

    /// Hears until the connection is no good any more; says why.
    async fn hear(&self, connection: PubSub, before: &mut bool) -> String {
        let (mut sink, mut stream) = connection.split();
        // Both at once, and the reading never waits: what came is always taken off the connection's hands.
        let reading = async {
            while let Some(message) = stream.next().await {
                self.pass_on(message);
            }
        };
        tokio::select! {
            () = reading => "the connection has ended".to_owned(),
            reason = self.steer(&mut sink, before) => reason,
        }
    }

    /// Keeps the connection's topics those that have listeners; ends where that fails.
    async fn steer(&self, sink: &mut PubSubSink, before: &mut bool) -> String {
        if let Err(reason) = self.subscribe(sink, &self.listeners.take_all()).await {
            return reason;
        }
        self.connected.store(true, Ordering::Relaxed);
        if std::mem::replace(before, true) {
            self.counters.reconnects.inc();
            tracing::info!("Redis is back: events of other processes are heard again");
        }
        loop {
            let changed = tokio::select! {
                () = self.listeners.changed() => true,
                () = sleep(CHECK) => false,
            };
            let done = if changed { self.follow(sink).await } else { self.bounded(sink.ping::<()>()).await };
            if let Err(reason) = done {
                return reason;
            }
        }
    }

    async fn follow(&self, sink: &mut PubSubSink) -> Result<(), String> {
        let (wanted, unwanted) = self.listeners.take_changes();
        for batch in unwanted.chunks(BATCH) {
            self.bounded(sink.unsubscribe(&self.channels(batch))).await?;
        }
        self.subscribe(sink, &wanted).await
    }

    async fn subscribe(&self, sink: &mut PubSubSink, topics: &[String]) -> Result<(), String> {
        for batch in topics.chunks(BATCH) {
            self.bounded(sink.subscribe(&self.channels(batch))).await?;
            self.listeners.confirm(batch);
        }
        Ok(())
    }

    fn channels(&self, topics: &[String]) -> Vec<String> {
        topics.iter().map(|topic| format!("{}{topic}", self.prefix)).collect()
    }

    async fn bounded<T>(&self, step: impl Future<Output = RedisResult<T>>) -> Result<(), String> {
        match timeout(self.timeout, step).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    fn pass_on(&self, message: Msg) {
        let Some(topic) = message.get_channel_name().strip_prefix(&*self.prefix) else { return };
        let text = message.get_payload_bytes();
        if text.len() > LARGEST {
            self.listeners.skip(topic);
        } else {
            self.listeners.dispatch(topic, &Bytes::copy_from_slice(text));
        }
    }
}
