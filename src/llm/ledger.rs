//! Money that requests may cost, and what they have used: decided in memory, written to the database many at a time.
//!
//! For each set of budgets this process holds a block of money that the database has reserved for it (ADR 0055). A request
//! takes what it may cost from the block; only where that does not suffice does it wait for the database.

use std::{collections::HashMap, io, path::PathBuf, sync::Arc, time::Duration};

use alkhub_core::CallError;
use parking_lot::Mutex;
use serde_json::json;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, interval, sleep, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    journal::{self, Journal},
    usd,
};
use crate::storage::{
    Database,
    llm::{
        ledger::{self as stored, Back, Block as Stored, Exceeded, Settlement, Wanted},
        usage::Record,
    },
    time::{now_ms, rfc3339},
};

/// How long a process may be silent before its blocks are settled in full.
const LEASE: Duration = Duration::from_secs(120);
/// Most settlements of one transaction.
const BATCH: usize = 256;
/// How long settlements wait for others, so that many are written at once.
const LINGER: Duration = Duration::from_millis(20);
/// How long a block is held that nobody needs, and how often that is looked at.
const IDLE: Duration = Duration::from_millis(500);
/// A block is asked for so many requests like the one that needs it.
const AHEAD: i64 = 1024;
/// Most requests that are not in the books; more wait until some are.
const MOST: usize = 50_000;
/// How often settlements are tried at the end, while the database is away; after that the journal has them.
const TRIES: u32 = 20;

enum Job {
    Want {
        set: String,
        key_id: String,
        need: i64,
        wish: i64,
        tell: Option<oneshot::Sender<Result<Grant, CallError>>>,
    },
    Settle(Box<Settlement>),
    Back(Back),
}

/// Money that this process holds of a set of budgets.
struct Block {
    id: String,
    /// What no request has taken; below zero where one has cost more than it said it would.
    free: i64,
    /// Requests that have taken from it and have not ended.
    running: u32,
    touched: Instant,
    /// Below so much more is asked for, in time.
    low: i64,
    asked: bool,
}

type Blocks = Mutex<HashMap<String, Block>>;

/// A handle on the ledger. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ledger {
    /// Unbounded, because [`MOST`] bounds what is in it.
    jobs: mpsc::UnboundedSender<Job>,
    blocks: Arc<Blocks>,
    journal: Arc<Journal>,
}

impl Ledger {
    pub(super) fn start(
        database: &Database,
        folder: PathBuf,
        tasks: &TaskTracker,
        quiet: &CancellationToken,
    ) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::unbounded_channel();
        // Of this run of the process alone: what one before it has left behind is not its own.
        let node: Arc<str> = uuid::Uuid::new_v4().to_string().into();
        let journal = Arc::new(Journal::create(&folder, &node)?);
        let ledger = Self { jobs: jobs.clone(), blocks: Arc::default(), journal: journal.clone() };
        let writer = Writer {
            database: database.clone(),
            node: node.clone(),
            blocks: ledger.blocks.clone(),
            journal,
            jobs: jobs.downgrade(),
        };
        tasks.spawn(writer.run(waiting, quiet.clone()));
        tasks.spawn(quiet.clone().run_until_cancelled_owned(tend(database.clone(), node, folder)));
        Ok(ledger)
    }

    /// Takes what a request may cost; `lost` is what counts for it should nothing more be known. Waits for the database
    /// only where what this process holds does not suffice.
    pub(super) async fn reserve(&self, set: String, amount: i64, lost: &Record) -> Result<Grant, CallError> {
        while self.journal.len() >= MOST {
            sleep(LINGER).await;
        }
        let grant = if set.is_empty() {
            Grant { ledger: None, set, block: None, amount: 0 }
        } else if let Some(grant) = self.take(&set, amount, &lost.key_id) {
            grant
        } else {
            let (tell, told) = oneshot::channel();
            let wish = amount.saturating_mul(AHEAD);
            let want = Job::Want { set, key_id: lost.key_id.clone(), need: amount, wish, tell: Some(tell) };
            // Without a ledger the sender is dropped, and the receiver learns of that.
            let _ = self.jobs.send(want);
            told.await.unwrap_or_else(|_| Err(CallError::unavailable("database")))?
        };
        self.journal.note(lost, grant.block.as_ref());
        Ok(grant)
    }

    fn take(&self, set: &str, amount: i64, key_id: &str) -> Option<Grant> {
        let mut blocks = self.blocks.lock();
        let block = blocks.get_mut(set)?;
        if block.free <= 0 || block.free < amount {
            return None;
        }
        block.free -= amount;
        block.running += 1;
        block.touched = Instant::now();
        if block.free < block.low && !block.asked {
            block.asked = true;
            let wish = amount.saturating_mul(AHEAD);
            let key_id = key_id.to_owned();
            let _ = self.jobs.send(Job::Want { set: set.to_owned(), key_id, need: 0, wish, tell: None });
        }
        let ledger = Some((self.jobs.downgrade(), self.blocks.clone()));
        Some(Grant { ledger, set: set.to_owned(), block: Some(block.id.clone()), amount })
    }

    /// Settles, without waiting for it.
    pub(super) fn settle(&self, mut grant: Grant, record: Record) {
        self.journal.note(&record, grant.block.as_ref());
        let cost = record.cost;
        let block = grant.block.clone();
        // Before the block may be closed, so that it is settled before that.
        let _ = self.jobs.send(Job::Settle(Box::new(Settlement { record, block, lost: false })));
        grant.end(cost);
    }

    /// Gives back what nobody has taken: budgets have changed.
    pub(super) fn give_back(&self) {
        for block in self.blocks.lock().values_mut() {
            let amount = std::mem::take(&mut block.free).max(0);
            block.low = 0;
            let _ = self.jobs.send(Job::Back(Back { block: block.id.clone(), amount, close: false }));
        }
    }
}

/// What a request has taken. Goes back when it is dropped without being settled.
pub(super) struct Grant {
    ledger: Option<(mpsc::WeakUnboundedSender<Job>, Arc<Blocks>)>,
    set: String,
    block: Option<String>,
    amount: i64,
}

impl Grant {
    fn end(&mut self, cost: i64) {
        let Some((_, blocks)) = self.ledger.take() else { return };
        let mut blocks = blocks.lock();
        // Another block in its place has nothing to do with this request.
        if let Some(block) = blocks.get_mut(&self.set).filter(|block| Some(&block.id) == self.block.as_ref())
        {
            block.free = block.free.saturating_add(self.amount.saturating_sub(cost));
            block.running = block.running.saturating_sub(1);
            block.touched = Instant::now();
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.end(0);
    }
}

/// The task that writes.
struct Writer {
    database: Database,
    node: Arc<str>,
    blocks: Arc<Blocks>,
    journal: Arc<Journal>,
    jobs: mpsc::WeakUnboundedSender<Job>,
}

/// Who waits for a grant.
type Asker = oneshot::Sender<Result<Grant, CallError>>;

/// What is to be written next.
#[derive(Default)]
struct Batch {
    settlements: Vec<Settlement>,
    back: Vec<Back>,
    wanted: Vec<Wanted>,
    tell: Vec<(String, Option<Asker>)>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.settlements.is_empty() && self.back.is_empty() && self.wanted.is_empty()
    }

    fn is_full(&self) -> bool {
        self.settlements.len() >= BATCH || self.wanted.len() >= BATCH || self.back.len() >= BATCH
    }
}

impl Writer {
    async fn run(self, mut jobs: mpsc::UnboundedReceiver<Job>, quiet: CancellationToken) {
        let mut batch = Batch::default();
        let mut ticks = interval(IDLE);
        let mut failures = 0;
        loop {
            let ending = quiet.is_cancelled();
            if ending {
                // All calls have ended: nobody needs anything any more.
                while !batch.is_full()
                    && let Ok(job) = jobs.try_recv()
                {
                    self.add(&mut batch, job);
                }
                if !batch.is_full() {
                    batch.back.extend(self.idle(Duration::ZERO));
                }
                if batch.is_empty() || failures > TRIES {
                    break;
                }
            } else {
                self.gather(&mut batch, &mut jobs, &mut ticks, &quiet).await;
                if batch.is_empty() {
                    continue;
                }
            }
            match self.write(&mut batch).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(cause = error.cause, "usage cannot be written; trying again");
                    }
                    sleep(Duration::from_millis(100 * u64::from(failures.min(10)))).await;
                }
            }
        }
        self.journal.close();
        if !batch.is_empty() {
            tracing::error!("usage could not be written; the next start counts it");
        }
    }

    /// Fills the batch: at once where somebody waits for it, else with what comes within a moment.
    async fn gather(
        &self,
        batch: &mut Batch,
        jobs: &mut mpsc::UnboundedReceiver<Job>,
        ticks: &mut tokio::time::Interval,
        quiet: &CancellationToken,
    ) {
        if batch.is_empty() {
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => self.add(batch, job),
                    // Nobody is left who could ask for anything.
                    None => quiet.cancelled().await,
                },
                _ = ticks.tick() => {
                    let jobs = self.jobs.upgrade();
                    for back in self.idle(IDLE) {
                        // After the settlements of its requests, which were sent before.
                        let _ = jobs.as_ref().map(|jobs| jobs.send(Job::Back(back)));
                    }
                },
                () = quiet.cancelled() => return,
            }
        }
        let until = Instant::now() + LINGER;
        while !batch.is_full() {
            let job = if batch.tell.is_empty() {
                match timeout_at(until, jobs.recv()).await {
                    Ok(Some(job)) => job,
                    _ => return,
                }
            } else {
                match jobs.try_recv() {
                    Ok(job) => job,
                    Err(_) => return,
                }
            };
            self.add(batch, job);
        }
    }

    fn add(&self, batch: &mut Batch, job: Job) {
        match job {
            // A caller that has left needs nothing.
            Job::Want { tell: Some(tell), .. } if tell.is_closed() => {}
            Job::Want { set, key_id, need, wish, tell } => {
                let held = self.blocks.lock().get(&set).map(|block| block.id.clone());
                // One of the same batch may have opened it.
                let opened = || {
                    batch
                        .wanted
                        .iter()
                        .find(|wanted| wanted.block.budgets == set)
                        .map(|wanted| wanted.block.id.clone())
                };
                let id = held.or_else(opened).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
                batch.wanted.push(Wanted { block: self.block(id, set.clone(), key_id, need), wish });
                batch.tell.push((set, tell));
            }
            Job::Settle(settlement) => batch.settlements.push(*settlement),
            Job::Back(back) => batch.back.push(back),
        }
    }

    fn block(&self, id: String, budgets: String, key_id: String, amount: i64) -> Stored {
        Stored {
            id,
            node: self.node.to_string(),
            key_id,
            project: None,
            session: None,
            operation: "llm.chat".to_owned(),
            model: "unknown".to_owned(),
            budgets,
            amount,
            input_tokens: 0,
            output_tokens: 0,
            lease_until: lease(),
            created_at: now_ms(),
        }
    }

    /// Writes the batch. After a failure what is settled and given back stays in it.
    async fn write(&self, batch: &mut Batch) -> Result<(), CallError> {
        let (wanted, tell) = (std::mem::take(&mut batch.wanted), std::mem::take(&mut batch.tell));
        let applied = match stored::apply(&self.database, &batch.settlements, &batch.back, &wanted).await {
            Ok(applied) => applied,
            Err(error) => {
                for (set, tell) in tell {
                    match tell {
                        // The caller may have left.
                        Some(tell) => _ = tell.send(Err(error.clone())),
                        None => self.not_asked(&set),
                    }
                }
                return Err(error);
            }
        };
        if applied.late > 0 {
            tracing::warn!(count = applied.late, "requests to models were settled in full before they ended");
        }
        self.journal.forget(batch.settlements.iter().map(|settlement| settlement.record.id.as_str()));
        batch.settlements.clear();
        batch.back.clear();
        for (((set, tell), granted), wanted) in tell.into_iter().zip(applied.granted).zip(wanted) {
            match (granted, tell) {
                (Ok(amount), tell) => {
                    let grant = self.granted(set, wanted, amount, tell.is_some());
                    if let (Some(tell), Some(grant)) = (tell, grant) {
                        // One that does not arrive goes back.
                        let _left = tell.send(Ok(grant));
                    }
                }
                (Err(exceeded), Some(tell)) => _ = tell.send(Err(exceeds(&exceeded))),
                (Err(_), None) => self.not_asked(&set),
            }
        }
        Ok(())
    }

    /// Adds to a block; what the request has of it that asked.
    fn granted(&self, set: String, wanted: Wanted, amount: i64, asked: bool) -> Option<Grant> {
        let mut blocks = self.blocks.lock();
        let block = blocks.entry(set.clone()).or_insert_with(|| Block {
            id: wanted.block.id.clone(),
            free: 0,
            running: 0,
            touched: Instant::now(),
            low: 0,
            asked: false,
        });
        block.free = block.free.saturating_add(amount);
        block.low = if amount > wanted.block.amount { amount / 2 } else { 0 };
        if !asked {
            block.asked = false;
            return None;
        }
        block.free = block.free.saturating_sub(wanted.block.amount);
        block.running += 1;
        block.touched = Instant::now();
        let ledger = Some((self.jobs.clone(), self.blocks.clone()));
        Some(Grant { ledger, set, block: Some(block.id.clone()), amount: wanted.block.amount })
    }

    fn not_asked(&self, set: &str) {
        if let Some(block) = self.blocks.lock().get_mut(set) {
            // There is not plenty any more: who needs some asks for it.
            (block.asked, block.low) = (false, 0);
        }
    }

    /// Takes out blocks that nobody has needed for a while.
    fn idle(&self, idle: Duration) -> Vec<Back> {
        let mut all = Vec::new();
        self.blocks.lock().retain(|_, block| {
            let kept = block.running > 0 || block.touched.elapsed() < idle;
            if !kept {
                all.push(Back { block: block.id.clone(), amount: 0, close: true });
            }
            kept
        });
        all
    }
}

fn lease() -> i64 {
    now_ms().saturating_add(i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX))
}

/// Renews the leases of this process, and settles what processes have left that are gone.
async fn tend(database: Database, node: Arc<str>, folder: PathBuf) {
    let mut ticks = interval(LEASE / 8);
    let mut renewed = Instant::now();
    loop {
        ticks.tick().await;
        match stored::extend(&database, &node, lease()).await {
            Ok(()) => renewed = Instant::now(),
            Err(error) => tracing::debug!(cause = error.cause, "leases of requests were not renewed"),
        }
        // Whoever cannot renew its own must not judge others'.
        if renewed.elapsed() > LEASE / 2 {
            continue;
        }
        if let Err(error) = recover(&database, &folder).await {
            tracing::warn!(%error, cause = error.cause, "what a process has left cannot be settled yet");
        }
        let Ok(overdue) = stored::overdue(&database, BATCH as u64).await else { continue };
        if overdue.is_empty() {
            continue;
        }
        let settlements: Vec<_> = overdue
            .iter()
            .map(|left| Settlement { record: lost(left), block: Some(left.id.clone()), lost: true })
            .collect();
        let back: Vec<_> =
            overdue.iter().map(|left| Back { block: left.id.clone(), amount: 0, close: true }).collect();
        match stored::apply(&database, &settlements, &back, &[]).await {
            Ok(_) => {
                let count = settlements.len();
                tracing::warn!(count, "what processes held of budgets that are gone was settled in full");
            }
            Err(error) => {
                tracing::warn!(%error, cause = error.cause, "what processes held cannot be settled yet");
            }
        }
    }
}

/// Settles what processes have left in their journals, and gives back what they had not used.
async fn recover(database: &Database, folder: &std::path::Path) -> Result<(), CallError> {
    let folder = folder.to_owned();
    let found = tokio::task::spawn_blocking(move || journal::left(&folder)).await;
    let found = found.map_err(|error| CallError::internal(&error))?;
    for left in found.map_err(|error| CallError::internal(&error))? {
        let count = left.settlements.len();
        for some in left.settlements.chunks(BATCH) {
            let requests = some.iter().map(|settlement| settlement.record.id.clone()).collect();
            let written = stored::written(database, requests).await?;
            let fresh: Vec<_> =
                some.iter().filter(|settlement| !written.contains(&settlement.record.id)).cloned().collect();
            if !fresh.is_empty() {
                stored::apply(database, &fresh, &[], &[]).await?;
            }
        }
        let blocks = stored::blocks_of(database, &left.node).await?;
        let back: Vec<_> =
            blocks.into_iter().map(|block| Back { block: block.id, amount: 0, close: true }).collect();
        if !back.is_empty() {
            stored::apply(database, &[], &back, &[]).await?;
        }
        tracing::info!(
            count,
            node = left.node,
            "requests to models of a process that is gone are in the books"
        );
        left.done().map_err(|error| CallError::internal(&error))?;
    }
    Ok(())
}

/// What counts for a block of which nothing more will be known: all that is left of it.
fn lost(block: &Stored) -> Record {
    let day = rfc3339(block.created_at).split('T').next().unwrap_or_default().to_owned();
    Record {
        id: block.id.clone(),
        at: block.created_at,
        day,
        key_id: block.key_id.clone(),
        project: block.project.clone(),
        session: block.session.clone(),
        operation: block.operation.clone(),
        requested: block.model.clone(),
        provider: None,
        model: block.model.clone(),
        input_tokens: block.input_tokens,
        cached_tokens: 0,
        output_tokens: block.output_tokens,
        reasoning_tokens: 0,
        cost: block.amount,
        estimated: true,
        status: "lost".to_owned(),
        attempts: 0,
        latency_ms: now_ms().saturating_sub(block.created_at),
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
