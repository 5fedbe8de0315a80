//! What is noted of a call while it runs, and the row that is made of it.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use alkhub_core::{
    Call, CallError, Lineage, RecordMode,
    call::Transport,
    engine::{Input, Outcome, Output},
    error::codes,
    identity::Caller,
    registry::Entry,
};
use serde_json::json;
use uuid::Uuid;

use super::cut::Cutter;
use crate::{
    storage::{
        calls::{Row, Status, key},
        time::now_ms,
    },
    telemetry::redact::redact,
};

/// Member of a call's metadata: the session that it belongs to.
pub const SESSION: &str = "session";
/// Member of a call's metadata: ids of calls that it depends on.
pub const DEPENDS_ON: &str = "dependsOn";
/// Longest session, in bytes.
const SESSION_BYTES: usize = 128;
/// Most calls that one depends on.
const MOST_EDGES: usize = 100;
/// Most bytes of an error's message, and of its details.
const ERROR_BYTES: usize = 4096;

/// What the recorder keeps with a running call.
pub(super) struct Kept {
    pub(super) mode: RecordMode,
    running: AtomicBool,
    pub(super) input: OnceLock<Input>,
    pub(super) output: OnceLock<Output>,
    /// Its input is written already.
    pub(super) durable: AtomicBool,
    ended: AtomicU8,
}

impl Kept {
    pub(super) fn new(mode: RecordMode) -> Self {
        Self {
            mode,
            running: AtomicBool::new(false),
            input: OnceLock::new(),
            output: OnceLock::new(),
            durable: AtomicBool::new(false),
            ended: AtomicU8::new(0),
        }
    }

    /// It is let in.
    pub(super) fn run(&self) {
        self.running.store(true, Ordering::Relaxed);
    }

    /// Whether it was let in.
    pub(super) fn began(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// It has ended so.
    pub(super) fn end(&self, status: Status) {
        self.ended.store(status as u8, Ordering::Release);
    }

    /// What has become of it so far.
    pub(super) fn status(&self) -> Status {
        let ended = self.ended.load(Ordering::Acquire);
        [Status::Completed, Status::Failed, Status::Aborted]
            .into_iter()
            .find(|status| *status as u8 == ended)
            .unwrap_or_else(|| match self.running.load(Ordering::Relaxed) {
                true => Status::Running,
                false => Status::Pending,
            })
    }
}

/// How an outcome is called.
pub(super) fn status(outcome: &Outcome<'_>) -> Status {
    match outcome {
        Outcome::Completed => Status::Completed,
        Outcome::Failed(error) if error.code == codes::ABORTED => Status::Aborted,
        Outcome::Failed(_) => Status::Failed,
        Outcome::Aborted => Status::Aborted,
    }
}

/// All that is to be written of a call. It holds nothing that keeps the call itself.
pub(super) struct Record {
    pub(super) id: Uuid,
    pub(super) lineage: Arc<Lineage>,
    pub(super) entry: Arc<Entry>,
    caller: Caller,
    transport: Transport,
    session: Option<String>,
    depends_on: Option<String>,
    /// SHA-256 of the idempotency key, of what is nothing but its calls.
    pub(super) key: Option<[u8; 32]>,
    trace_id: Option<u128>,
    origin: Option<Uuid>,
    mode: RecordMode,
    started_ms: i64,
    pub(super) status: Status,
    duration: Option<Duration>,
    error: Option<(String, String)>,
    pub(super) input: Option<Input>,
    pub(super) output: Option<Output>,
}

impl Record {
    /// Of a call as it is now.
    pub(super) fn begun(call: &Call, kept: &Kept) -> Self {
        Self {
            id: call.lineage().id(),
            lineage: call.lineage().clone(),
            entry: call.entry().clone(),
            caller: call.caller().clone(),
            // What a gateway calls is the first node, and came in where the gateway was called.
            transport: if is_made(call) { call.transport() } else { call.surface() },
            session: session(call),
            depends_on: depends_on(call),
            key: call.entry().is_composed().then(|| call.key_digest()).flatten(),
            trace_id: call.trace().map(|trace| trace.trace_id),
            origin: call.repeats().map(|repeats| repeats.of),
            mode: kept.mode,
            started_ms: i64::try_from(call.started_ms()).unwrap_or(i64::MAX),
            status: match kept.status() {
                Status::Pending => Status::Pending,
                _ => Status::Running,
            },
            duration: None,
            error: None,
            input: None,
            output: None,
        }
    }

    /// Of a call at its end.
    pub(super) fn ended(call: &Call, kept: &Kept, outcome: &Outcome<'_>, elapsed: Duration) -> Self {
        let mut record = Self::begun(call, kept);
        record.status = status(outcome);
        record.duration = Some(elapsed);
        record.error = match outcome {
            Outcome::Completed => None,
            Outcome::Failed(error) => Some((error.code.to_string(), told(error))),
            Outcome::Aborted => {
                let text = json!({ "message": "Nobody waited for it any more.", "details": { "reason": "disconnected" } });
                Some((codes::ABORTED.to_owned(), text.to_string()))
            }
        };
        // What is not valid may hold a secret in a place where no schema tells of it.
        let refused = matches!(outcome, Outcome::Failed(error)
            if [codes::VALIDATION_ERROR, codes::BAD_REQUEST].contains(&&*error.code));
        if kept.mode == RecordMode::Full && !refused {
            if !kept.durable.load(Ordering::Acquire) {
                record.input = kept.input.get().cloned();
            }
            record.output = kept.output.get().cloned();
        }
        record
    }

    /// Bytes that it holds beside itself, about.
    pub(super) fn weight(&self) -> usize {
        let input = match &self.input {
            Some(Input::Text { json, .. }) => json.len(),
            Some(Input::Value(_)) => 1024,
            None => 0,
        };
        input + self.output.as_ref().map_or(0, |output| output.text().len())
    }

    /// Whether it is alone: nothing refers to it, and it to nothing.
    pub(super) fn is_alone(&self) -> bool {
        self.lineage.parent().is_none() && !self.lineage.has_children()
    }

    pub(super) fn row(&self, node: &str, now: i64) -> Row {
        let lineage = &self.lineage;
        let duration = self.duration.map(|duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX));
        let (error_code, error) = match &self.error {
            Some((code, text)) => (Some(short(code, 128)), Some(text.clone())),
            None => (None, None),
        };
        Row {
            id: key(self.id),
            parent_id: lineage.parent().map(|parent| key(parent.id())),
            root_id: key(lineage.root_id()),
            ordinal: i32::try_from(lineage.ordinal()).unwrap_or(i32::MAX),
            depth: i32::try_from(lineage.depth()).unwrap_or(i32::MAX),
            operation: self.entry.id().to_owned(),
            kind: self.entry.kind().as_str().to_owned(),
            status: self.status.as_str().to_owned(),
            identity: self.caller.as_ref().map(|caller| caller.id.clone()),
            owner: lineage.owner().map(|owner| owner.id.clone()),
            transport: transport(self.transport).to_owned(),
            node: node.to_owned(),
            spoke: self.entry.spoke().map(str::to_owned),
            session: self.session.clone(),
            trace_id: self.trace_id.map(|id| format!("{id:032x}")),
            record: mode(self.mode).to_owned(),
            origin_id: self.origin.map(key),
            depends_on: self.depends_on.clone(),
            started_at: self.started_ms,
            ended_at: duration.map(|duration| self.started_ms.saturating_add(duration / 1000)),
            duration_us: duration,
            error_code,
            error,
            changed_at: now,
        }
    }
}

/// What stands for a call of another process until that one writes its own row: without it, calls below would hang on
/// nothing if that process died first.
pub(super) fn stub(lineage: &Lineage, node: &str) -> Row {
    let now = now_ms();
    let started = lineage.id().get_timestamp().map_or(now, |made| {
        let (seconds, nanos) = made.to_unix();
        i64::try_from(seconds.saturating_mul(1000) + u64::from(nanos) / 1_000_000).unwrap_or(now)
    });
    Row {
        id: key(lineage.id()),
        parent_id: lineage.parent().map(|parent| key(parent.id())),
        root_id: key(lineage.root_id()),
        ordinal: i32::try_from(lineage.ordinal()).unwrap_or(i32::MAX),
        depth: i32::try_from(lineage.depth()).unwrap_or(i32::MAX),
        operation: String::new(),
        kind: "mutation".to_owned(),
        status: Status::Running.as_str().to_owned(),
        identity: None,
        owner: lineage.owner().map(|owner| owner.id.clone()),
        transport: "internal".to_owned(),
        node: node.to_owned(),
        spoke: None,
        session: None,
        trace_id: None,
        record: "metadata".to_owned(),
        origin_id: None,
        depends_on: None,
        started_at: started,
        ended_at: None,
        duration_us: None,
        error_code: None,
        error: None,
        changed_at: now,
    }
}

fn session(call: &Call) -> Option<String> {
    let text = call.metadata().get(SESSION)?.as_str()?;
    (!text.is_empty() && !text.contains('\0')).then(|| short(text, SESSION_BYTES))
}

/// Whether another call of the graph made it.
fn is_made(call: &Call) -> bool {
    call.transport() == Transport::Nested && call.lineage().parent().is_some()
}

/// Ids of earlier calls, which cannot depend on this one: so the graph has no cycle. [`refused`] has looked at them.
fn depends_on(call: &Call) -> Option<String> {
    // What a call inherits of its parent is no word of its own.
    if is_made(call) {
        return None;
    }
    let ids = call.metadata().get(DEPENDS_ON)?.as_array()?;
    let ids = ids.iter().take(MOST_EDGES).filter_map(|id| id.as_str());
    let ids: Vec<String> = ids.filter_map(|id| Uuid::try_parse(id).ok()).map(|id| id.to_string()).collect();
    (!ids.is_empty()).then(|| ids.join(","))
}

/// What is wrong with the calls that a call says it depends on.
pub(super) fn refused(call: &Call) -> Option<CallError> {
    let said = call.metadata().get(DEPENDS_ON)?;
    let pointer = "/metadata/dependsOn";
    let Some(ids) = said.as_array().filter(|ids| ids.len() <= MOST_EDGES) else {
        return Some(CallError::fault(
            pointer,
            format!("must be a list of at most {MOST_EDGES} ids of calls"),
        ));
    };
    if is_made(call) {
        return None;
    }
    for (place, id) in ids.iter().enumerate() {
        let pointer = format!("{pointer}/{place}");
        let Some(id) = id.as_str().and_then(|id| Uuid::try_parse(id).ok()) else {
            return Some(CallError::fault(&pointer, "must be the id of a call"));
        };
        if call.lineage().is_within(id) {
            let why = "is this call, or one that waits for it: a cycle";
            return Some(CallError::fault(&pointer, why));
        }
        if id > call.lineage().id() {
            let why =
                "must be the id of a call that began before this one; later ones may depend on it: a cycle";
            return Some(CallError::fault(&pointer, why));
        }
    }
    None
}

fn told(error: &CallError) -> String {
    let mut told = json!({ "message": short(&error.message, ERROR_BYTES) });
    if let Some(details) = error.details.as_ref().filter(|details| details.to_string().len() <= ERROR_BYTES) {
        told["details"] = details.clone();
    }
    // Errors have no secrets; what others answer may.
    Cutter::new("{}", true).cut(&mut told);
    String::from_utf8_lossy(&redact(told.to_string().as_bytes())).into_owned()
}

fn short(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].replace('\0', "")
}

fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Http => "http",
        Transport::WebSocket => "websocket",
        Transport::Mcp => "mcp",
        Transport::Nested => "nested",
        Transport::Internal => "internal",
    }
}

fn mode(mode: RecordMode) -> &'static str {
    match mode {
        RecordMode::Full => "full",
        RecordMode::Metadata => "metadata",
        RecordMode::None => "none",
    }
}
