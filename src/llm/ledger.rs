//! Reservations and settlements of this process, written to the database many at a time.

use std::time::Duration;

use alkhub_core::CallError;
use serde_json::json;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::usd;
use crate::storage::{
    Database,
    llm::{
        ledger::{self as stored, Exceeded, Reservation, Settlement},
        usage::Record,
    },
    time::{now_ms, rfc3339},
};

/// How long a process may be silent before its reservations are settled in full.
const LEASE: Duration = Duration::from_secs(120);
/// Most reservations and settlements of one transaction.
const BATCH: usize = 256;
/// How often a settlement is tried while the database is away; after that the reservation's lease settles it.
const TRIES: u32 = 20;

enum Job {
    Reserve(Box<Reservation>, oneshot::Sender<Result<Grant, CallError>>),
    Settle(Box<Settlement>),
}

/// A handle on the ledger. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ledger {
    /// Unbounded, because it is bounded by the calls that may run: each reserves once and settles once.
    jobs: mpsc::UnboundedSender<Job>,
    node: std::sync::Arc<str>,
}

impl Ledger {
    pub(super) fn start(database: &Database, tasks: &TaskTracker, quiet: &CancellationToken) -> Self {
        let (jobs, waiting) = mpsc::unbounded_channel();
        // Of this run of the process alone: what one before it has left behind is not its own.
        let node: std::sync::Arc<str> = uuid::Uuid::new_v4().to_string().into();
        tasks.spawn(write(database.clone(), waiting, jobs.downgrade(), quiet.clone()));
        tasks.spawn(quiet.clone().run_until_cancelled_owned(tend(database.clone(), node.clone())));
        Self { jobs, node }
    }

    /// Id of this run of the process in reservations.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    pub(super) fn lease() -> i64 {
        now_ms().saturating_add(i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX))
    }

    /// Reserves; what comes of it.
    pub(super) fn reserve(&self, reservation: Reservation) -> oneshot::Receiver<Result<Grant, CallError>> {
        let (tell, told) = oneshot::channel();
        // Without a ledger the sender is dropped, and the receiver learns of that.
        let _ = self.jobs.send(Job::Reserve(Box::new(reservation), tell));
        told
    }

    /// Settles, without waiting for it.
    pub(super) fn settle(&self, record: Record) {
        let _ = self.jobs.send(Job::Settle(Box::new(Settlement { record })));
    }
}

/// A reservation that was made. Given back when it is dropped, as it is on its way to a caller that has left, unless it
/// was [kept](Grant::keep).
pub(super) struct Grant {
    back: Option<(mpsc::WeakUnboundedSender<Job>, Box<Reservation>)>,
}

impl Grant {
    /// It will be settled by whoever has it.
    pub(super) fn keep(mut self) {
        self.back = None;
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if let Some((jobs, reservation)) = self.back.take()
            && let Some(jobs) = jobs.upgrade()
        {
            let _ = jobs.send(Job::Settle(Box::new(Settlement { record: unused(&reservation) })));
        }
    }
}

/// Waits for what has come of a reservation.
pub(super) async fn granted(told: oneshot::Receiver<Result<Grant, CallError>>) -> Result<Grant, CallError> {
    told.await.unwrap_or_else(|_| Err(CallError::unavailable("database")))
}

async fn write(
    database: Database,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    back: mpsc::WeakUnboundedSender<Job>,
    quiet: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let some = tokio::select! {
            biased;
            count = jobs.recv_many(&mut batch, BATCH) => count,
            () = quiet.cancelled() => 0,
        };
        if some == 0 {
            return;
        }
        let (mut reservations, mut answers, mut settlements) = (Vec::new(), Vec::new(), Vec::new());
        for job in batch.drain(..) {
            match job {
                // A caller that has left needs nothing.
                Job::Reserve(_, answer) if answer.is_closed() => {}
                Job::Reserve(reservation, answer) => {
                    reservations.push(*reservation);
                    answers.push(answer);
                }
                Job::Settle(settlement) => settlements.push(*settlement),
            }
        }
        let applied = match stored::apply(&database, &reservations, &settlements).await {
            Ok(applied) => applied,
            Err(error) => {
                for answer in answers {
                    let _left = answer.send(Err(error.clone()));
                }
                if !settlements.is_empty() {
                    again(&database, settlements, &error).await;
                }
                continue;
            }
        };
        if applied.late > 0 {
            tracing::warn!(count = applied.late, "requests to models were settled in full before they ended");
        }
        for ((answer, granted), reservation) in answers.into_iter().zip(applied.granted).zip(reservations) {
            let grant = match granted {
                Ok(()) => Ok(Grant { back: Some((back.clone(), Box::new(reservation))) }),
                Err(exceeded) => Err(exceeds(&exceeded)),
            };
            // One that does not arrive is given back.
            let _left = answer.send(grant);
        }
    }
}

/// Settles later: nobody waits for it, but it must not be lost.
async fn again(database: &Database, settlements: Vec<Settlement>, why: &CallError) {
    tracing::warn!(cause = why.cause, count = settlements.len(), "usage cannot be written; trying again");
    for attempt in 0..TRIES {
        sleep(Duration::from_millis(100 * u64::from(attempt + 1))).await;
        if stored::apply(database, &[], &settlements).await.is_ok() {
            return;
        }
    }
    tracing::error!(
        count = settlements.len(),
        "usage could not be written; it will be counted as it was reserved"
    );
}

/// Renews the leases of this process, and settles what processes have left that are gone.
async fn tend(database: Database, node: std::sync::Arc<str>) {
    let mut ticks = interval(LEASE / 4);
    let mut renewed = Instant::now();
    loop {
        ticks.tick().await;
        match stored::extend(&database, &node, Ledger::lease()).await {
            Ok(()) => renewed = Instant::now(),
            Err(error) => tracing::debug!(cause = error.cause, "leases of requests were not renewed"),
        }
        // Whoever cannot renew its own must not judge others'.
        if renewed.elapsed() > LEASE / 2 {
            continue;
        }
        let Ok(overdue) = stored::overdue(&database, BATCH as u64).await else { continue };
        if overdue.is_empty() {
            continue;
        }
        let settlements: Vec<_> = overdue.iter().map(|left| Settlement { record: lost(left) }).collect();
        if let Ok(applied) = stored::apply(&database, &[], &settlements).await {
            let count = settlements.len() as u64 - applied.late;
            tracing::warn!(count, "requests of a process that is gone were settled in full");
        }
    }
}

/// What counts for a request of which nothing more will be known: all that was reserved.
fn lost(reservation: &Reservation) -> Record {
    Record {
        cost: reservation.amount,
        input_tokens: reservation.input_tokens,
        output_tokens: reservation.output_tokens,
        status: "lost".to_owned(),
        ..unused(reservation)
    }
}

fn unused(reservation: &Reservation) -> Record {
    let day = rfc3339(reservation.created_at).split('T').next().unwrap_or_default().to_owned();
    Record {
        id: reservation.id.clone(),
        at: reservation.created_at,
        day,
        key_id: reservation.key_id.clone(),
        project: reservation.project.clone(),
        session: reservation.session.clone(),
        operation: reservation.operation.clone(),
        requested: reservation.model.clone(),
        provider: None,
        model: reservation.model.clone(),
        input_tokens: 0,
        cached_tokens: 0,
        output_tokens: 0,
        reasoning_tokens: 0,
        cost: 0,
        estimated: true,
        status: "aborted".to_owned(),
        attempts: 0,
        latency_ms: now_ms().saturating_sub(reservation.created_at),
        first_token_ms: None,
    }
}

fn exceeds(budget: &Exceeded) -> CallError {
    let Exceeded { kind, subject, period, amount, spent, reserved, renews_at } = budget;
    let mut message = format!(
        "The budget of the {kind} {subject:?} ({period}, {} USD) does not suffice: {} USD are spent and {} USD reserved for requests that run.",
        usd(*amount),
        usd(*spent),
        usd(*reserved)
    );
    if let Some(renews_at) = renews_at {
        message.push_str(&format!(" It is renewed at {}.", rfc3339(*renews_at)));
    }
    let details = json!({
        "kind": kind, "subject": subject, "period": period,
        "limitUsd": usd(*amount), "spentUsd": usd(*spent), "reservedUsd": usd(*reserved),
    });
    let mut error = CallError::new("BUDGET_EXCEEDED", message).with_details(details);
    error.http_status = Some(402);
    error
}
