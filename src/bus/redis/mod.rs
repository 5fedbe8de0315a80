//! The bus through Redis: one connection that publishes and one that hears, each made again when it is lost.

mod buckets;
mod client;
mod kept;
mod pause;
mod publisher;
mod subscriber;

use std::{sync::Arc, time::Duration};

use alkhub_core::CallError;
use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{publisher::Publisher, subscriber::Subscriber};
use super::{Bus, Counters, Reach, Settings, Subscription, bounded, listeners::Listeners};

pub(super) use buckets::RedisBuckets;
pub(super) use client::open;

/// How often a connection is asked whether it still lives: one that went silent is found so, and no listener waits for
/// it longer than this and the timeout.
const CHECK: Duration = Duration::from_secs(1);

pub(super) struct RedisBus {
    publisher: Arc<Publisher>,
    subscriber: Arc<Subscriber>,
    listeners: Arc<Listeners>,
    counters: Counters,
    prefix: String,
    timeout: Duration,
}

impl RedisBus {
    pub(super) fn start(
        settings: &Settings,
        counters: &Counters,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>, String> {
        let client = open(settings)?;
        let listeners = Listeners::new(false, counters.clone());
        let publisher = Arc::new(Publisher::new(client.clone(), settings.timeout, counters));
        let subscriber = Arc::new(Subscriber::new(client, settings, listeners.clone(), counters.clone()));
        tasks.spawn(stop.clone().run_until_cancelled_owned(publisher.clone().keep()));
        tasks.spawn({
            let (stop, subscriber, listeners) = (stop.clone(), subscriber.clone(), listeners.clone());
            async move {
                stop.run_until_cancelled(Box::pin(subscriber.keep())).await;
                listeners.close();
            }
        });
        Ok(Arc::new(Self {
            publisher,
            subscriber,
            listeners,
            counters: counters.clone(),
            prefix: settings.prefix.clone(),
            timeout: settings.timeout,
        }))
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), CallError> {
        bounded(&message)?;
        match self.publisher.publish(&format!("{}{topic}", self.prefix), &message).await {
            Ok(()) => {
                self.counters.published.inc();
                Ok(())
            }
            Err(error) => {
                self.counters.dropped.inc();
                Err(error)
            }
        }
    }

    async fn subscribe(&self, topic: &str) -> Subscription {
        let subscription = self.listeners.join(topic);
        if self.subscriber.is_connected() {
            let _ = timeout(self.timeout, self.listeners.live(&subscription)).await;
        }
        self.listeners.hand_over(&subscription);
        subscription
    }

    fn reach(&self) -> Reach {
        if self.publisher.is_connected() && self.subscriber.is_connected() {
            Reach::Reachable
        } else {
            Reach::Away
        }
    }
}
