//! Calls that a repeated call makes: what the record says becomes of them, and the keys under which they may be repeated.

use super::{Engine, Input, Output, Request, Unchecked, observe::Running};
use crate::{CallError, Kind, RecordMode, once::IdempotencyKey, registry::Entry, script::Told};

/// Asks the script of a call's parent what becomes of it; its answer, where it is not to be made.
pub(super) fn consult(entry: &Entry, request: &mut Request) -> Option<Result<Output, CallError>> {
    // The script of a call that repeats one is for those that it makes.
    if request.repeats.is_some() {
        return None;
    }
    let script = request.script.take()?;
    let ordinal = request.lineage.as_ref().map_or(0, |lineage| lineage.ordinal());
    match script.next(entry, ordinal, &request.input) {
        Told::Answer { of, answer } => {
            request.repeats = of;
            Some(answer)
        }
        Told::Run { repeats, script, input } => {
            (request.repeats, request.script) = (repeats, script);
            if let Some(input) = input {
                request.input = input;
            }
            None
        }
    }
}

/// The key of a mutation that another call makes: it follows from its id, or that of the one which it repeats, so that a
/// call that was cut off can be made again where the operation is declared idempotent.
pub(super) fn key(entry: &Entry, request: &Request) -> Option<IdempotencyKey> {
    let lineage = request.lineage.as_ref()?;
    let is_node = entry.kind() == Kind::Mutation && entry.record() == RecordMode::Full;
    if !is_node || !entry.is_idempotent() || lineage.parent().is_none() || lineage.elsewhere().is_some() {
        return None;
    }
    let id = request.repeats.map_or(request.id, |repeats| repeats.seed);
    IdempotencyKey::new(&format!("call-{id}")).ok()
}

impl Engine {
    /// Answers a call from the record. Its caller may know of the answer only if it may make the call.
    pub(super) async fn answered(
        &self,
        entry: &Entry,
        running: &Running,
        input: Input,
        counted: bool,
        answer: Result<Output, CallError>,
    ) -> Result<Output, CallError> {
        self.admit(entry, running.call(), counted).await?;
        let mut input = Unchecked::new(input, entry.validator()?);
        if let Some(waits) = self.observed(running.call(), &mut input)? {
            waits.await?;
        }
        answer
    }
}
