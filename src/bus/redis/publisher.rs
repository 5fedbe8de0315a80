//! The connection that publishes. While it is away, publishing fails at once.

use std::{sync::Arc, time::Duration};

use ::redis::{Client, cmd};
use alkhub_core::CallError;
use tokio::time::timeout;

use super::kept::{Kept, has_broken};
use crate::bus::Counters;

pub(super) struct Publisher {
    kept: Arc<Kept>,
    timeout: Duration,
}

impl Publisher {
    pub(super) fn new(client: Client, timeout: Duration, counters: &Counters) -> Self {
        let kept = Kept::new(client, timeout, counters.reconnects.clone(), "events cannot be published");
        Self { kept: Arc::new(kept), timeout }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.kept.is_connected()
    }

    pub(super) async fn publish(&self, channel: &str, message: &[u8]) -> Result<(), CallError> {
        let Some((number, mut connection)) = self.kept.get() else {
            return Err(away("there is no connection"));
        };
        let mut publish = cmd("PUBLISH");
        publish.arg(channel).arg(message);
        match timeout(self.timeout, publish.query_async::<()>(&mut connection)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                if has_broken(&error) {
                    self.kept.give_up(number);
                }
                Err(away(&error.to_string()))
            }
            Err(_) => {
                self.kept.give_up(number);
                Err(away("no answer in time"))
            }
        }
    }

    /// Connects, and connects again.
    pub(super) async fn keep(self: Arc<Self>) {
        self.kept.clone().keep().await;
    }
}

fn away(cause: &str) -> CallError {
    let mut error = CallError::unavailable("event bus");
    error.cause = Some(cause.to_owned());
    error
}
