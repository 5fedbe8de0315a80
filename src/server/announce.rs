//! Publishes the events of the log on the bus, for those who listen there and do not read the log: programs beside the hub
//! on the same Redis. Each event is published by the process that has numbered it, at least once: how far all of them
//! have come is in the database, and what a process that died has left is published by another one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alkhub_core::{CallError, error::codes, protocol};
use futures::{StreamExt, TryStreamExt, stream};
use rand::Rng;
use tokio::{sync::Mutex, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bus::{self, Bus, Reach},
    events::Events,
    storage::{
        Database,
        events::{self, Event, Filter},
        outbox,
        time::now_ms,
    },
};

/// Events that are read at once.
const BATCH: u64 = 500;
/// Publishes on the way at once, which arrive in their order.
const AT_ONCE: usize = 64;
/// Pause between two looks at how far all have come, each of which is a transaction.
const LOOK: Duration = Duration::from_millis(250);
/// Others have so long to publish what they have numbered, and up to twice as long by chance, so that not all step in.
const PATIENCE: Duration = Duration::from_secs(5);
/// Who listens to a topic wants to know what happens now: what is older than this is not published any more, in
/// milliseconds.
const OLD: i64 = 15 * 60 * 1000;
/// Ranges of numbers that are remembered; what is forgotten is found as what a dead process leaves.
const RANGES: usize = 256;

/// What publishes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Announcer {
    database: Database,
    events: Events,
    bus: Arc<dyn Bus>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Numbered here, to be published: after this one, up to that one.
    waiting: Vec<(i64, i64)>,
    /// Published here, and not marked yet.
    done: Vec<(i64, i64)>,
    /// When to look at the mark again.
    look: Option<Instant>,
    /// The mark, and when this process loses its patience with it.
    stuck: Option<(i64, Instant)>,
}

impl Announcer {
    /// Publishes whatever is numbered here, until `stop` is cancelled.
    pub(super) fn start(
        database: &Database,
        events: &Events,
        bus: &Arc<dyn Bus>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let announcer = Self {
            database: database.clone(),
            events: events.clone(),
            bus: bus.clone(),
            state: Arc::default(),
        };
        events.keep_given();
        tasks.spawn(stop.clone().run_until_cancelled_owned(announcer.clone().work()));
        announcer
    }

    async fn work(self) {
        let mut relayed = self.events.relayed();
        loop {
            if let Err(error) = self.turn(false).await {
                tracing::debug!(cause = error.cause, "events are published on the bus later");
            }
            // Running out of time is the other reason to look.
            let _ = timeout(LOOK, relayed.changed()).await;
        }
    }

    /// Publishes what is numbered here and waits; `last` also says at once how far it has come.
    pub(super) async fn turn(&self, last: bool) -> Result<(), CallError> {
        let mut state = self.state.lock().await;
        let state = &mut *state;
        state.waiting.extend(self.events.take_given());
        state.waiting.truncate(RANGES);
        if self.bus.reach() != Reach::Reachable {
            state.stuck = None;
            return Ok(());
        }
        while let Some((after, until)) = state.waiting.first().copied() {
            self.publish(after, until).await?;
            state.waiting.remove(0);
            // Most often right after what was published before.
            if let Some(before) = state.done.last_mut().filter(|before| before.1 == after) {
                before.1 = until;
            } else if state.done.len() < RANGES {
                state.done.push((after, until));
            }
        }
        if last || state.look.is_none_or(|look| look <= Instant::now()) {
            self.mark(state).await?;
            state.look = Some(Instant::now() + LOOK);
        }
        Ok(())
    }

    /// Moves the mark over what was published here, and steps in for others that do not move it.
    async fn mark(&self, state: &mut State) -> Result<(), CallError> {
        let mut mark = outbox::published(&self.database).await?;
        while let Some((_, until)) = state.done.iter().find(|range| range.0 <= mark && mark < range.1) {
            mark = outbox::move_published(&self.database, mark, *until).await?;
        }
        state.done.retain(|range| mark < range.1);
        let head = events::bounds(&self.database).await?.head;
        if mark >= head {
            state.stuck = None;
            return Ok(());
        }
        match state.stuck {
            Some((stuck, until)) if stuck == mark => {
                if until <= Instant::now() {
                    let next = mark.saturating_add(i64::try_from(BATCH).unwrap_or(i64::MAX)).min(head);
                    self.publish(mark, next).await?;
                    outbox::move_published(&self.database, mark, next).await?;
                    // Whoever has stepped in goes on.
                    state.stuck = Some((next, until));
                }
            }
            _ => {
                let patience = PATIENCE.mul_f64(rand::rng().random_range(1.0..2.0));
                state.stuck = Some((mark, Instant::now() + patience));
            }
        }
        Ok(())
    }

    async fn publish(&self, mut after: i64, until: i64) -> Result<(), CallError> {
        loop {
            let batch = events::between(&self.database, &Filter::everything(), after, until, BATCH).await?;
            // Nothing left: up to there all is published, or not kept any more.
            let Some(last) = batch.last() else { return Ok(()) };
            after = last.sequence;
            let since = now_ms().saturating_sub(OLD);
            let young = batch.iter().filter(|event| event.created_at >= since);
            let sending = stream::iter(young.map(|event| self.send(event)).collect::<Vec<_>>());
            sending.buffered(AT_ONCE).try_collect::<()>().await?;
        }
    }

    async fn send(&self, event: &Event) -> Result<(), CallError> {
        let message = protocol::event(&event.kind, &event.key, event.payload.to_string().as_bytes());
        match self.bus.publish(&bus::topic(&event.kind, &event.key), message).await {
            Err(error) if error.code != codes::PAYLOAD_TOO_LARGE => Err(error),
            _ => Ok(()),
        }
    }
}
