//! The calls that one recorded call made, and what becomes of them when it runs again.

use std::{
    collections::HashSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use alkhub_core::{
    CallError, Kind, RecordMode,
    call::Repeat,
    engine::Input,
    registry::Entry,
    script::{Script, Told},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Divergence, Mode, fresh_key, impossible, kept, lacking, node::Node, side};
use crate::storage::calls::{Body, Row, Status, id};

/// Why a replay went no further.
pub(super) enum Stop {
    /// The record ends here.
    End,
    /// The handler does something else.
    Diverged(Divergence),
    /// It cannot go on.
    Error(CallError),
}

/// What all levels of a replay share.
pub(super) struct Shared {
    mode: Mode,
    /// Id of the call that repeats.
    replay: Uuid,
    from: Option<Uuid>,
    /// Calls above `from`.
    above: HashSet<Vec<u8>>,
    /// Input of `from`.
    changed: Mutex<Option<Value>>,
    /// Whether who repeats it is who made it: answers by idempotency key are kept for each caller.
    same_caller: bool,
    /// All is made from here on.
    released: AtomicBool,
    stop: OnceLock<Stop>,
    cancel: CancellationToken,
    pub(super) answered: AtomicU64,
    pub(super) made: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        mode: Mode,
        replay: Uuid,
        from: Option<Uuid>,
        top: &Node,
        changed: Option<Value>,
        same_caller: bool,
        cancel: CancellationToken,
    ) -> Self {
        let mut above = HashSet::new();
        let mut at = from.and(Some(top));
        while let (Some(node), Some(from)) = (at, from) {
            above.insert(node.row.id.clone());
            at = node.children.iter().find(|child| child.has(from)).map(|child| &**child);
        }
        Self {
            mode,
            replay,
            from,
            above,
            changed: Mutex::new(changed),
            same_caller,
            released: AtomicBool::new(false),
            stop: OnceLock::new(),
            cancel,
            answered: AtomicU64::new(0),
            made: AtomicU64::new(0),
        }
    }

    /// All is made from now on.
    pub(super) fn release(&self) {
        self.released.store(true, Ordering::Release);
    }

    pub(super) fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }

    pub(super) fn stop(&self) -> Option<&Stop> {
        self.stop.get()
    }

    /// The handler is cut off: what it does next would go by an answer that nobody gave.
    fn halt(&self, why: Stop) -> Told {
        let _first = self.stop.set(why);
        self.cancel.cancel();
        Told::Answer { of: None, answer: Err(CallError::aborted("replay_stopped")) }
    }

    fn make(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }
}

/// The calls that one call made.
pub(super) struct Level {
    shared: Arc<Shared>,
    node: Arc<Node>,
    /// Those that have come again.
    used: Mutex<Vec<bool>>,
}

/// What a call is in the record.
enum Found {
    /// This one.
    Recorded(Arc<Node>),
    /// None: it was not made before.
    New,
    /// None, and there should be one.
    Other(Option<Arc<Node>>),
}

impl Level {
    pub(super) fn new(shared: &Arc<Shared>, node: &Arc<Node>) -> Arc<Self> {
        let used = Mutex::new(vec![false; node.children.len()]);
        Arc::new(Self { shared: shared.clone(), node: node.clone(), used })
    }

    /// A recorded call that has not come again.
    pub(super) fn left(&self) -> Option<Divergence> {
        let first = self.used.lock().iter().position(|used| !used)?;
        let child = &self.node.children[first];
        Some(side::call(&self.node.row, place(&child.row), Some(child), None))
    }

    /// Looks for a call among those that have not come yet: it is the first of them, or one that ran beside that.
    fn find(&self, entry: &Entry, ordinal: u32, input: &Body) -> Found {
        let children = &self.node.children;
        let mut used = self.used.lock();
        let Some(first) = used.iter().position(|used| !used) else { return Found::New };
        let next = &children[first];
        for (index, child) in children.iter().enumerate().skip(first) {
            if used[index] || (index != first && !are_beside(&next.row, &child.row)) {
                continue;
            }
            if child.row.operation == entry.id() && (self.is_from(child) || equal(&child.kept.input, input)) {
                used[index] = true;
                return Found::Recorded(child.clone());
            }
        }
        if self.shared.mode == Mode::Verify {
            return Found::Other(Some(next.clone()));
        }
        // The record of a process that died may lack what was not urgent; and of branches side by side one may be the
        // first to make a call that it had not come to.
        let lost = ordinal < place(&next.row);
        let branches = || {
            let mut before = children.iter().zip(used.iter()).filter(|(_, used)| **used);
            before.any(|(child, _)| are_beside(&child.row, &next.row))
        };
        match lost || branches() {
            true => Found::New,
            false => Found::Other(Some(next.clone())),
        }
    }

    fn is_from(&self, child: &Node) -> bool {
        self.shared.from == Some(id(&child.row.id))
    }

    /// Whether the handler went on after a call had ended: then it has seen how.
    fn was_seen(&self, child: &Node) -> bool {
        let Some(ended) = child.row.ended_at else { return false };
        self.node
            .children
            .iter()
            .any(|other| other.row.ordinal > child.row.ordinal && other.row.started_at >= ended)
    }

    fn answer(&self, child: &Node, answer: Result<alkhub_core::engine::Output, CallError>) -> Told {
        self.shared.answered.fetch_add(1, Ordering::Relaxed);
        Told::Answer { of: Some(child.repeat()), answer }
    }

    /// Makes a recorded call again; what it calls is answered where its handler is here.
    fn again(&self, child: &Arc<Node>, entry: &Entry) -> Told {
        self.shared.make();
        let script =
            is_made_of_calls(child, entry).then(|| Self::new(&self.shared, child) as Arc<dyn Script>);
        let fresh = (self.shared.mode == Mode::Fork).then(|| fresh_key(self.shared.replay, child));
        let repeats = Repeat { key: fresh.or(child.kept.key), ..child.repeat() };
        Told::Run { repeats: Some(repeats), script, input: None }
    }

    /// Whether a mutation may be made once more because its repetition does no harm.
    fn may_repeat(&self, entry: &Entry) -> bool {
        // Of a fork the keys may be others, too.
        let same_key = self.shared.same_caller && self.shared.mode != Mode::Fork;
        entry.is_idempotent() && (same_key || !entry.honours_key())
    }

    fn completed(&self, child: &Arc<Node>, entry: &Entry) -> Told {
        if self.shared.above.contains(&child.row.id) {
            if !entry.is_own() {
                let why = "is above the call `from`, and its handler is not the hub's own.";
                return self.shared.halt(Stop::Error(impossible(&child.row, "servedElsewhere", why)));
            }
            return self.again(child, entry);
        }
        if entry.kind() != Kind::Subscription
            && let Some(output) = child.answer()
        {
            return self.answer(child, Ok(output));
        }
        // A query has no effect, and of an idempotent mutation one is as good as two.
        if self.shared.mode != Mode::Verify && (entry.kind() != Kind::Mutation || self.may_repeat(entry)) {
            return self.again(child, entry);
        }
        let error = match entry.kind() {
            Kind::Subscription => {
                impossible(&child.row, "subscription", "is a subscription, whose items are not kept.")
            }
            _ => lacking(&child.row, &child.kept.output, "output"),
        };
        self.shared.halt(Stop::Error(error))
    }

    fn not_completed(&self, child: &Arc<Node>, entry: &Entry) -> Told {
        let status = Status::of(&child.row.status);
        let failed = status == Some(Status::Failed);
        let aborted_above = self.node.row.status == Status::Aborted.as_str();
        if self.was_seen(child) {
            return self.answer(child, Err(child.failure()));
        }
        if self.shared.mode == Mode::Verify {
            if failed || !aborted_above {
                return self.answer(child, Err(child.failure()));
            }
            return self.shared.halt(Stop::End);
        }
        if entry.kind() != Kind::Mutation || self.may_repeat(entry) || is_made_of_calls(child, entry) {
            return self.again(child, entry);
        }
        let text = format!(
            "The call {} of {} ended as {} and may have had its effect; {} is not {}, so it is not made again. \
             Look whether the effect is there; a fork from that call makes it once more.",
            id(&child.row.id),
            child.row.operation,
            child.row.status,
            child.row.operation,
            what_it_is_not(entry),
        );
        let details = json!({
            "requestId": id(&child.row.id), "operationId": child.row.operation, "status": child.row.status,
        });
        self.shared.halt(Stop::Error(CallError::new("REPLAY_UNSAFE", text).with_details(details)))
    }

    fn new_call(&self, entry: &Entry, ordinal: u32, input: &Body) -> Told {
        let cut_off = self.node.row.status == Status::Aborted.as_str();
        if self.shared.mode == Mode::Verify {
            let actual = Some((entry.id(), input));
            let other = side::call(&self.node.row, ordinal, None, actual);
            let stop = if cut_off { Stop::End } else { Stop::Diverged(other) };
            return self.shared.halt(stop);
        }
        // Only of mutations that are recorded in full is it certain that they did not begin.
        if cut_off
            && entry.kind() == Kind::Mutation
            && !self.may_repeat(entry)
            && entry.record() != RecordMode::Full
        {
            let text = format!(
                "{} is not recorded in full, so it may have been called before the end of the call {}; it is not {}, and not called again.",
                entry.id(),
                id(&self.node.row.id),
                what_it_is_not(entry),
            );
            let details = json!({ "requestId": id(&self.node.row.id), "operationId": entry.id() });
            let error = CallError::new("REPLAY_UNSAFE", text).with_details(details);
            return self.shared.halt(Stop::Error(error));
        }
        self.shared.make();
        Told::Run { repeats: None, script: None, input: None }
    }
}

impl Script for Level {
    fn next(self: Arc<Self>, entry: &Entry, ordinal: u32, input: &Input) -> Told {
        let shared = self.shared.clone();
        if shared.stop().is_some() {
            return Told::Answer { of: None, answer: Err(CallError::aborted("replay_stopped")) };
        }
        if shared.is_released() {
            shared.make();
            return Told::Run { repeats: None, script: None, input: None };
        }
        if entry.record() == RecordMode::None {
            if entry.kind() == Kind::Mutation && !entry.is_composed() {
                let why = format!("calls {}, of which nothing is recorded.", entry.id());
                return shared.halt(Stop::Error(impossible(&self.node.row, "notRecorded", &why)));
            }
            return Told::Run { repeats: None, script: Some(self), input: None };
        }
        let input = kept(entry, input);
        match self.find(entry, ordinal, &input) {
            Found::New => self.new_call(entry, ordinal, &input),
            Found::Other(recorded) => {
                let actual = Some((entry.id(), &input));
                shared.halt(Stop::Diverged(side::call(&self.node.row, ordinal, recorded.as_deref(), actual)))
            }
            Found::Recorded(child) if self.is_from(&child) => {
                shared.release();
                shared.make();
                Told::Run {
                    repeats: None,
                    script: None,
                    input: shared.changed.lock().take().map(Input::Value),
                }
            }
            Found::Recorded(child) if child.row.status == Status::Completed.as_str() => {
                self.completed(&child, entry)
            }
            Found::Recorded(child) => self.not_completed(&child, entry),
        }
    }
}

/// Whether a call is nothing but the calls below it, as far as it can be resumed by them.
fn is_made_of_calls(child: &Node, entry: &Entry) -> bool {
    entry.is_own() && (!child.children.is_empty() || entry.is_composed())
}

/// Why a mutation may not be made again.
fn what_it_is_not(entry: &Entry) -> &'static str {
    match entry.is_idempotent() {
        true => "repeatable by another key than that which made it",
        false => "declared idempotent",
    }
}

fn place(row: &Row) -> u32 {
    u32::try_from(row.ordinal).unwrap_or(0)
}

/// Whether a later call began before an earlier one had ended: handlers make such calls in any order.
fn are_beside(earlier: &Row, later: &Row) -> bool {
    earlier.ended_at.is_none_or(|ended| ended > later.started_at)
}

/// Whether an input is the recorded one, as far as that is kept.
fn equal(recorded: &Body, actual: &Body) -> bool {
    match (recorded, actual) {
        (Body::TooLarge | Body::None, _) => true,
        (_, Body::TooLarge | Body::None) => false,
        _ => side::value(recorded) == side::value(actual),
    }
}
