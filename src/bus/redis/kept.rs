//! A connection for commands, made again when it is lost.

use std::{sync::Arc, time::Duration};

use ::redis::{AsyncConnectionConfig, Client, RedisError, aio::MultiplexedConnection, cmd};
use parking_lot::Mutex;
use prometheus::IntCounter;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{CHECK, pause::Pause};

/// Commands on the way at once; further ones wait within their timeout.
const AT_ONCE: usize = 1024;

/// A connection that is there or is not; nobody waits for it.
pub(super) struct Kept {
    client: Client,
    timeout: Duration,
    /// With its number: who gives up one that is no good must not throw away its successor.
    connection: Mutex<Option<(u64, MultiplexedConnection)>>,
    lost: Notify,
    reconnects: IntCounter,
    /// What is so while it is away, for the log.
    meanwhile: &'static str,
}

impl Kept {
    pub(super) fn new(
        client: Client,
        timeout: Duration,
        reconnects: IntCounter,
        meanwhile: &'static str,
    ) -> Self {
        Self { client, timeout, connection: Mutex::new(None), lost: Notify::new(), reconnects, meanwhile }
    }

    /// The connection and its number, unless it is away.
    pub(super) fn get(&self) -> Option<(u64, MultiplexedConnection)> {
        self.connection.lock().clone()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.lock().is_some()
    }

    /// Those who come after do not wait for a connection that is no good.
    pub(super) fn give_up(&self, number: u64) {
        if self.connection.lock().take_if(|(held, _)| *held == number).is_some() {
            self.lost.notify_one();
        }
    }

    /// Connects, and connects again.
    pub(super) async fn keep(self: Arc<Self>) {
        let (mut pause, mut number) = (Pause::default(), 0_u64);
        loop {
            match self.connect().await {
                Ok(connection) => {
                    number += 1;
                    *self.connection.lock() = Some((number, connection.clone()));
                    if number > 1 {
                        self.reconnects.inc();
                        tracing::info!("Redis is back; no longer so: {}", self.meanwhile);
                    }
                    pause.reset();
                    self.watch(connection).await;
                    self.connection.lock().take();
                    tracing::warn!("the connection to Redis is lost: {}", self.meanwhile);
                }
                Err(reason) if pause.is_first() => {
                    tracing::warn!(reason, "Redis cannot be reached: {}", self.meanwhile);
                }
                Err(reason) => tracing::debug!(reason, "Redis cannot be reached"),
            }
            pause.wait().await;
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout))
            .set_concurrency_limit(AT_ONCE);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        match timeout(self.timeout, Box::pin(connecting)).await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// Ends when the connection is no good any more.
    async fn watch(&self, mut connection: MultiplexedConnection) {
        loop {
            tokio::select! {
                () = sleep(CHECK) => {}
                () = self.lost.notified() => {}
            }
            if !self.is_connected() {
                return;
            }
            let answer = timeout(self.timeout, cmd("PING").query_async::<()>(&mut connection)).await;
            if !matches!(answer, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// An answer that says no leaves the connection good; anything else does not.
pub(super) fn has_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
}
