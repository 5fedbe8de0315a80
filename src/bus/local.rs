//! The bus of a hub that is one process.

use std::sync::Arc;

use alkhub_core::CallError;
use async_trait::async_trait;
use bytes::Bytes;

use super::{Bus, Counters, Reach, Subscription, bounded, listeners::Listeners};

pub(super) struct LocalBus {
    listeners: Arc<Listeners>,
    counters: Counters,
}

impl LocalBus {
    pub(super) fn new(counters: Counters) -> Self {
        Self { listeners: Listeners::new(true, counters.clone()), counters }
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), CallError> {
        bounded(&message)?;
        self.counters.published.inc();
        self.listeners.dispatch(topic, &message);
        Ok(())
    }

    async fn subscribe(&self, topic: &str) -> Subscription {
        self.listeners.join(topic)
    }

    fn reach(&self) -> Reach {
        Reach::Local
    }
}

impl Drop for LocalBus {
    fn drop(&mut self) {
        self.listeners.close();
    }
}
