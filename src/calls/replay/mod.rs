//! Running recorded calls again (ADR 0061).

mod level;
mod node;
mod side;

use std::sync::{Arc, atomic::Ordering};

use alkhub_core::{
    Call, CallError,
    call::Repeat,
    engine::{Input, Output},
    registry::Entry,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::{
    level::{Level, Shared, Stop},
    node::Node,
};
use super::{Calls, writer};
use crate::storage::calls::{Body, Row, Status, id};

/// What of a recorded call is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// None of the calls that it makes.
    Verify,
    /// Those that were not completed.
    Resume,
    /// All from one on.
    Fork,
}

/// The first difference between a call and its repetition, as `CallDivergence`.
pub type Divergence = Value;

/// What came of a replay.
pub struct Replayed {
    /// Id of the call that repeats.
    pub request_id: Uuid,
    /// Calls that were answered from the record.
    pub answered: u64,
    /// Calls that were made.
    pub made: u64,
    /// For `verify`: the first difference.
    pub divergence: Option<Divergence>,
    /// What the handler came to; `None` where it was stopped at a difference or at the end of the record.
    pub ended: Option<Result<Value, CallError>>,
}

fn impossible(row: &Row, reason: &str, why: &str) -> CallError {
    let details = json!({ "reason": reason, "requestId": id(&row.id), "operationId": row.operation });
    CallError::new("REPLAY_IMPOSSIBLE", format!("The call {} ({}) {why}", id(&row.id), row.operation))
        .with_details(details)
}

impl Calls {
    /// Runs a recorded call again, as the caller of `cx`, who may see the record.
    ///
    /// # Errors
    /// REPLAY_IMPOSSIBLE, REPLAY_DIVERGED, REPLAY_UNSAFE, OPERATION_NOT_FOUND, ACCESS_DENIED, UNAVAILABLE.
    pub async fn replay(
        &self,
        cx: &Call,
        top: Row,
        mode: Mode,
        from: Option<Uuid>,
        changed: Option<Value>,
    ) -> Result<Replayed, CallError> {
        if !Status::of(&top.status).is_some_and(Status::is_final) {
            return Err(impossible(&top, "running", "still runs; abort it, or wait for its end."));
        }
        self.flush().await;
        let top = node::load(&self.inner.database, top).await?;
        let entry = cx.engine().find(&top.row.operation, cx.identity())?;
        // Who may not call it learns nothing more of it.
        entry.access().check(entry.id(), cx.identity())?;
        let input = suited(&top, &entry, mode, from)?;
        let input = match (mode, from) {
            (Mode::Fork, None) => changed.clone().unwrap_or(input),
            _ => input,
        };
        let mut request = cx.child(Input::Value(input))?;
        let request_id = request.id;
        let from = from.filter(|from| *from != id(&top.row.id));
        // Nobody known has no answers that are kept.
        let same_caller = cx.identity().is_some_and(|caller| Some(&caller.id) == top.row.identity.as_ref());
        let shared =
            Arc::new(Shared::new(mode, request_id, from, &top, changed, same_caller, request.cancel.clone()));
        // Time and randomness of a fork are the recorded ones, too: up to `from` all is to be the same.
        let fresh = (mode == Mode::Fork).then(|| fresh_key(request_id, &top));
        request.repeats = Some(Repeat { key: fresh.or(top.kept.key), ..top.repeat() });
        let level = Level::new(&shared, &top);
        request.script = Some(level.clone());
        if mode == Mode::Fork && from.is_none() {
            shared.release();
        }
        let ended = cx.engine().call(entry.clone(), request).await;
        let (answered, made) = (shared.answered.load(Ordering::Relaxed), shared.made.load(Ordering::Relaxed));
        let mut replayed = Replayed { request_id, answered, made, divergence: None, ended: None };
        match shared.stop() {
            Some(Stop::End) => return Ok(replayed),
            Some(Stop::Diverged(divergence)) => return differs(replayed, mode, divergence.clone()),
            Some(Stop::Error(error)) => return Err(named(error.clone(), request_id)),
            None => {}
        }
        if !shared.is_released()
            && let Some(divergence) = level.left()
            && (mode != Mode::Resume || ended.is_ok())
        {
            return differs(replayed, mode, divergence);
        }
        if mode == Mode::Fork && !shared.is_released() {
            let why = "was not made by the calls above it this time, so nothing was forked.";
            let error = CallError::new("REPLAY_DIVERGED", format!("The call `from` {why}"));
            return Err(named(error.with_details(json!({})), request_id));
        }
        if mode == Mode::Verify {
            replayed.divergence = side::ends(&top, &entry, &ended)?;
        }
        replayed.ended = Some(match ended {
            Ok(output) => output.typed::<Value>(),
            Err(error) => Err(error),
        });
        Ok(replayed)
    }
}

/// What a fork makes keys of in the place of those that the call had: what it makes is made anew, and not answered by
/// what was kept of the first time.
fn fresh_key(replay: Uuid, node: &Node) -> [u8; 32] {
    Sha256::new().chain_update(replay.as_bytes()).chain_update(&node.row.id).finalize().into()
}

/// The input of a call, where it can be replayed.
fn suited(top: &Node, entry: &Entry, mode: Mode, from: Option<Uuid>) -> Result<Value, CallError> {
    use alkhub_core::Kind;
    let row = &top.row;
    if entry.kind() == Kind::Subscription {
        return Err(impossible(row, "subscription", "is a subscription, whose items are not kept."));
    }
    if !entry.is_own() {
        let why = "is served by a spoke or an imported service, whose handler the hub cannot run again.";
        return Err(impossible(row, "servedElsewhere", why));
    }
    let composed = !top.children.is_empty();
    let anew = mode == Mode::Fork && from.is_none_or(|from| from == id(&row.id));
    let cut_off = mode == Mode::Resume && (row.kind == "query" || entry.is_composed());
    if !composed && !anew && !cut_off {
        let why = "made no calls that are recorded: there is nothing to answer from the record, and its own effects would be repeated.";
        return Err(impossible(row, "notComposed", why));
    }
    if let Some(from) = from
        && from != id(&row.id)
        && !top.has(from)
    {
        return Err(impossible(row, "unknownNode", &format!("has no call {from} below it.")));
    }
    match &top.kept.input {
        Body::Whole(text) => serde_json::from_slice(text).map_err(|error| CallError::internal(&error)),
        body => Err(lacking(row, body, "input")),
    }
}

/// Why a text of the record does not do.
fn lacking(row: &Row, body: &Body, which: &str) -> CallError {
    match body {
        Body::Cut(_) => impossible(row, "cut", &format!("has an {which} with secrets, which were not kept.")),
        Body::TooLarge => {
            impossible(row, "tooLarge", &format!("has an {which} that is larger than `calls.body_bytes`."))
        }
        _ => impossible(row, "notRecorded", &format!("has no recorded {which}.")),
    }
}

fn differs(mut replayed: Replayed, mode: Mode, divergence: Divergence) -> Result<Replayed, CallError> {
    if mode == Mode::Verify {
        replayed.divergence = Some(divergence);
        return Ok(replayed);
    }
    let why = "The handler did not make the calls that it made when it was recorded; nothing was made from there on.";
    let error = CallError::new("REPLAY_DIVERGED", why).with_details(json!({ "divergence": divergence }));
    Err(named(error, replayed.request_id))
}

/// The error with the id of the call that repeats, whose tree shows how far it came.
fn named(mut error: CallError, request_id: Uuid) -> CallError {
    if let Some(details) = error.details.as_mut().and_then(Value::as_object_mut)
        && error.code != "REPLAY_IMPOSSIBLE"
    {
        details.insert("replayRequestId".to_owned(), json!(request_id));
    }
    error
}

impl Node {
    fn repeat(&self) -> Repeat {
        Repeat { of: id(&self.row.id), seed: self.seed, began_ms: self.began_ms, key: self.kept.key }
    }

    /// Its output as it was answered, where all of it is kept.
    fn answer(&self) -> Option<Output> {
        let Body::Whole(text) = &self.kept.output else { return None };
        match self.kept.enveloped {
            true => Output::enveloped(text.clone()),
            false => Some(Output::data(text.clone())),
        }
    }

    /// How it failed.
    fn failure(&self) -> CallError {
        let code = self.row.error_code.clone().unwrap_or_default();
        let told: Value =
            self.row.error.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let mut error = CallError::new(code, told["message"].as_str().unwrap_or_default());
        error.details = told.get("details").cloned();
        error
    }
}

/// An input as it would be kept, however large it is.
fn kept(entry: &Entry, input: &Input) -> Body {
    writer::kept(input, entry.input_schema(), entry.is_own())
}
