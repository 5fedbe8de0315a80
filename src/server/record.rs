//! Writes into the log what becomes of spokes, where no table of homes does so in its transactions: in a hub that is one
//! process.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    spokes::Spokes,
    storage::{
        Database,
        events::{self, New},
    },
};

/// Events that wait for the database.
const WAITING: usize = 16 * 1024;
/// Events of one transaction.
const BATCH: usize = 256;
/// Pause after a failure.
const AGAIN: Duration = Duration::from_millis(250);

enum Task {
    Write(New),
    /// Says that all that came before is written.
    Flush(oneshot::Sender<()>),
}

/// The way to what writes.
pub(super) struct Record {
    tasks: mpsc::Sender<Task>,
}

impl Record {
    /// Begins to write, until `stop` is cancelled.
    pub(super) fn start(
        spokes: &Spokes,
        database: &Database,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let changes = sender.clone();
        spokes.listen(move |event| {
            if changes.try_send(Task::Write(event)).is_err() {
                tracing::warn!(
                    "the database is away for too long: it is not told of a spoke that came or went"
                );
            }
        });
        tasks.spawn(stop.clone().run_until_cancelled_owned(write(database.clone(), receiver)));
        Self { tasks: sender }
    }

    /// Ends when all that has happened so far is written.
    pub(super) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.tasks.send(Task::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

async fn write(database: Database, mut waiting: mpsc::Receiver<Task>) {
    let mut tasks = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut tasks, BATCH).await > 0 {
        let (mut batch, mut flushed) = (Vec::new(), Vec::new());
        for task in tasks.drain(..) {
            match task {
                Task::Write(event) => batch.push(event),
                Task::Flush(done) => flushed.push(done),
            }
        }
        let mut said = false;
        while !batch.is_empty() {
            match events::publish_all(&database, batch.clone()).await {
                Ok(()) => batch.clear(),
                Err(error) => {
                    if !std::mem::replace(&mut said, true) {
                        tracing::warn!(cause = error.cause, "spokes that come and go are written down later");
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}
