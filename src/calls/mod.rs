//! The call graph: what runs here, and the records of what has run (ADR 0048).

mod abort;
mod cut;
mod live;
mod record;
mod replay;
mod signs;
mod stats;
mod sweep;
mod watch;
mod writer;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use alkhub_core::{
    Call, CallError, Kind, RecordMode,
    engine::{Input, Observer, Outcome, Output},
    error::codes,
};
use arc_swap::ArcSwap;
use futures::{FutureExt, future::BoxFuture};
use prometheus::core::Collector;
use tokio::sync::{Notify, watch as channel};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use abort::{Policy, Reached, Stopped};
pub use record::{DEPENDS_ON, SESSION};
pub use replay::{Divergence, Mode, Replayed};
pub use stats::{Stats, stats};
pub use watch::{Change, Watch};

use self::{
    live::Live,
    record::{Kept, Record},
    signs::Signs,
    writer::Queue,
};
use crate::{cluster::Homes, config, storage::Database};

/// The call graph of this process. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    inner: Arc<Inner>,
}

struct Inner {
    live: Live,
    queue: Queue,
    signs: Signs,
    settings: ArcSwap<config::Calls>,
    node: Arc<str>,
    database: Database,
    homes: OnceLock<Homes>,
    /// A call has ended that somebody waits for.
    ended: Notify,
    /// Raised with each batch that was written.
    written: channel::Sender<u64>,
    /// Calls whose end is waited for.
    awaited: std::sync::atomic::AtomicUsize,
}

impl Calls {
    /// Nothing runs yet. Records are written by one of these tasks until `stop` is cancelled.
    ///
    /// # Errors
    /// Where a metric cannot be made.
    pub fn start(
        database: &Database,
        settings: &config::Calls,
        node: &str,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, prometheus::Error> {
        let inner = Inner {
            live: Live::default(),
            queue: Queue::default(),
            signs: Signs::new()?,
            settings: ArcSwap::from_pointee(settings.clone()),
            node: node.into(),
            database: database.clone(),
            homes: OnceLock::new(),
            ended: Notify::new(),
            written: channel::Sender::new(0),
            awaited: std::sync::atomic::AtomicUsize::new(0),
        };
        let calls = Self { inner: Arc::new(inner) };
        tasks.spawn(writer::run(calls.clone(), stop.clone()));
        tasks.spawn(stop.clone().run_until_cancelled_owned(sweep::run(calls.clone())));
        Ok(calls)
    }

    /// Metrics of the graph.
    #[must_use]
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        self.inner.signs.collectors()
    }

    /// From now on it reaches what runs in other processes.
    pub fn share(&self, homes: &Homes) {
        let _once = self.inner.homes.set(homes.clone());
    }

    /// Other settings, for calls from now on.
    pub fn set(&self, settings: &config::Calls) {
        self.inner.settings.store(Arc::new(settings.clone()));
    }

    /// Tells when this process has written something.
    #[must_use]
    pub fn written(&self) -> channel::Receiver<u64> {
        self.inner.written.subscribe()
    }

    /// A call that runs in this process.
    #[must_use]
    pub fn running(&self, id: uuid::Uuid) -> Option<Call> {
        self.inner.live.get(id)
    }

    /// Ends when all that has ended so far is written, or the writer has.
    pub async fn flush(&self) {
        writer::flush(&self.inner).await;
    }

    /// What is kept of a call; `None` where nothing is.
    fn mode(&self, call: &Call) -> Option<RecordMode> {
        // Recorded where it came in.
        if call.lineage().elsewhere().is_some() {
            return None;
        }
        let declared = call.entry().record();
        match (self.inner.settings.load().record, declared) {
            (config::Recording::Off, _) | (_, RecordMode::None) => None,
            (config::Recording::Metadata, RecordMode::Full) => Some(RecordMode::Metadata),
            (_, mode) => Some(mode),
        }
    }
}

impl Observer for Calls {
    fn started(&self, call: &Call) {
        if let Some(mode) = self.mode(call) {
            call.keep(Kept::new(mode));
        }
        self.inner.live.add(call);
    }

    fn insists(&self, call: &Call) -> bool {
        call.kind() == Kind::Mutation && call.kept::<Kept>().is_some_and(|kept| kept.mode == RecordMode::Full)
    }

    fn admitted(&self, call: &Call, input: &Input) -> Option<BoxFuture<'static, Result<(), CallError>>> {
        let kept = call.kept::<Kept>()?;
        if !call.metadata().is_empty()
            && let Some(error) = record::refused(call)
        {
            return Some(std::future::ready(Err(error)).boxed());
        }
        kept.run();
        if kept.mode != RecordMode::Full {
            return None;
        }
        let _first = kept.input.set(input.clone());
        if call.kind() != Kind::Mutation {
            return None;
        }
        let mut record = Record::begun(call, kept);
        record.input = Some(input.clone());
        let done = self.inner.queue.begin(record);
        let call = call.clone();
        Some(
            async move {
                let told = done.await.unwrap_or_else(|_| Err(CallError::unavailable("call graph")));
                if told.is_ok()
                    && let Some(kept) = call.kept::<Kept>()
                {
                    kept.durable.store(true, std::sync::atomic::Ordering::Release);
                }
                told
            }
            .boxed(),
        )
    }

    fn answered(&self, call: &Call, output: &Output) {
        if let Some(kept) = call.kept::<Kept>()
            && kept.mode == RecordMode::Full
        {
            let _first = kept.output.set(output.clone());
        }
    }

    fn ended(&self, call: &Call, outcome: Outcome<'_>, elapsed: Duration) {
        if let Some(kept) = call.kept::<Kept>() {
            kept.end(record::status(&outcome));
            if record::status(&outcome) == crate::storage::calls::Status::Aborted {
                self.inner.live.cut(call);
            }
            // Who calls too often is to cost as little as can be.
            let refused = matches!(outcome, Outcome::Failed(error) if error.code == codes::RATE_LIMITED);
            let record = (!refused || kept.began()).then(|| Record::ended(call, kept, &outcome, elapsed));
            if record.is_some_and(|record| !self.inner.queue.end(record)) {
                self.inner.signs.records.with_label_values(&["dropped"]).inc();
            }
        }
        self.inner.live.remove(call.request_id());
        if self.inner.awaited.load(std::sync::atomic::Ordering::Acquire) > 0 {
            self.inner.ended.notify_waiters();
        }
    }
}
