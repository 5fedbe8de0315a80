//! Opening connections to Postgres apart from those who wait for them.
//!
//! The driver connects within the wait of whoever finds no idle connection, and gives the attempt up with that wait. A
//! server that takes longer to let somebody in, as one that has just come back under load does, would never be reached:
//! each call begins anew what none has the patience for. So connections are opened in tasks of their own.

use std::{sync::Arc, time::Duration};

use alkhub_core::CallError;
use parking_lot::Mutex;
use sea_orm::sqlx::PgPool;
use tokio::{
    sync::{Notify, Semaphore},
    time::{sleep, timeout},
};

use super::Settings;

/// Connections that are opened at once. More would only make a server slower that is slow to let anybody in.
const AT_ONCE: usize = 4;
/// Pause after an attempt that failed; the driver itself goes on where nobody listens, or the server is starting.
const PAUSE: Duration = Duration::from_millis(100);

/// Opens connections of a pool. Cheap to clone.
#[derive(Clone)]
pub(super) struct Opening {
    inner: Arc<Inner>,
}

struct Inner {
    pool: PgPool,
    most: u32,
    patience: Duration,
    places: Arc<Semaphore>,
    /// Told whenever an attempt is over.
    over: Notify,
    /// Why the last one failed.
    failure: Mutex<Option<String>>,
}

impl Opening {
    pub(super) fn of(pool: &PgPool, settings: &Settings) -> Self {
        let inner = Inner {
            pool: pool.clone(),
            most: settings.max_connections.max(1),
            patience: settings.acquire_timeout,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            over: Notify::new(),
            failure: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Waits until there is an idle connection, or all are in use: then the pool keeps the queue.
    ///
    /// # Errors
    /// UNAVAILABLE where none comes about in time.
    pub(super) async fn wait(&self) -> Result<(), CallError> {
        let inner = &*self.inner;
        if inner.has_one() {
            return Ok(());
        }
        let waiting = async {
            loop {
                let mut over = std::pin::pin!(inner.over.notified());
                over.as_mut().enable();
                if inner.has_one() {
                    return;
                }
                self.begin();
                over.await;
            }
        };
        timeout(inner.patience, waiting).await.map_err(|_| {
            let mut away = CallError::unavailable("database");
            let failure = inner.failure.lock().clone();
            away.cause = Some(failure.unwrap_or_else(|| "no connection could be opened in time".to_owned()));
            away
        })
    }

    /// Opens one more, unless enough are being opened. Goes on also when nobody waits any longer.
    fn begin(&self) {
        let Ok(place) = self.inner.places.clone().try_acquire_owned() else { return };
        let inner = self.inner.clone();
        tokio::spawn(async move {
            match inner.pool.acquire().await {
                Ok(mut connection) => {
                    *inner.failure.lock() = None;
                    // Waited for, where dropping it would hand it to a task: whoever is told is to find it idle.
                    connection.return_to_pool().await;
                }
                Err(error) => {
                    *inner.failure.lock() = Some(error.to_string());
                    sleep(PAUSE).await;
                }
            }
            drop(place);
            inner.over.notify_waiters();
        });
    }
}

impl Inner {
    /// There is an idle connection, or at the most of them some are in use: for those that come back the pool has a queue.
    fn has_one(&self) -> bool {
        let opening = AT_ONCE.saturating_sub(self.places.available_permits());
        let size = self.pool.size();
        let in_use = size >= self.most && usize::try_from(size).is_ok_and(|size| size > opening);
        self.pool.num_idle() > 0 || in_use || self.pool.is_closed()
    }
}
