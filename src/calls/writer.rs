//! Records on their way to the database, many at once and off the path of the calls. Where the database is slower than
//! the calls, records of calls that stand alone are dropped and counted; calls are never held up by it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use alkhub_core::{
    CallError,
    engine::{Input, Output},
    registry::Entry,
};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{
    sync::{Notify, oneshot},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Calls, Inner,
    cut::Cutter,
    record::{Kept, Record, stub},
};
use crate::{
    storage::{
        calls::{self, Body, Row, Status, Stored, key},
        time::now_ms,
    },
    telemetry::redact::redact,
};

/// Longest that a record waits where the database keeps up.
const TICK: Duration = Duration::from_millis(50);
/// Records of one transaction.
const BATCH: usize = 512;
/// Ended calls that may wait; those that stand alone are dropped beyond it.
const WAITING: usize = 16 * 1024;
/// No record at all is taken beyond so many times that.
const HARD: usize = 4;
/// Bytes of inputs and outputs that may wait.
const BYTES: usize = 64 * 1024 * 1024;
/// Pause after a failure.
const AGAIN: Duration = Duration::from_millis(250);
/// Longest that the last records are written at a stop.
const FAREWELL: Duration = Duration::from_secs(3);
/// Cutters that are kept.
const CUTTERS: usize = 4096;
/// A call that runs for longer is written before it has ended, in milliseconds.
const LONG: i64 = 200;
/// How often it is looked for such calls, in ticks.
const LOOK: u64 = 5;
/// Share of its time that the writer rests for each that it works, where nobody waits for it.
const REST: u32 = 2;
/// Its longest rest.
const LONGEST_REST: Duration = Duration::from_millis(200);

type Told = oneshot::Sender<Result<(), CallError>>;

#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// Somebody waits for a record to be durable.
    urgent: Notify,
    /// Ended calls that were taken out and are not written yet.
    taken: AtomicUsize,
    flushed: Notify,
    batches: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    begun: Vec<(Record, Told)>,
    ended: Vec<Record>,
    bytes: usize,
    over: bool,
}

impl Queue {
    /// A call that must not have its effect before its record is durable.
    pub(super) fn begin(&self, record: Record) -> oneshot::Receiver<Result<(), CallError>> {
        let (told, done) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.over || waiting.begun.len() >= WAITING {
            let mut error = CallError::unavailable("call graph");
            error.retry_after = Some(1);
            let _gone = told.send(Err(error));
            return done;
        }
        waiting.begun.push((record, told));
        drop(waiting);
        self.urgent.notify_one();
        done
    }

    /// A call that has ended; whether it will be written.
    pub(super) fn end(&self, mut record: Record) -> bool {
        let mut waiting = self.waiting.lock();
        let count = waiting.ended.len() + self.taken.load(Ordering::Relaxed);
        if waiting.over || count >= WAITING * HARD || (count >= WAITING && record.is_alone()) {
            return false;
        }
        let weight = record.weight();
        if waiting.bytes + weight > BYTES {
            (record.input, record.output) = (None, None);
        } else {
            waiting.bytes += weight;
        }
        waiting.ended.push(record);
        let urgent = waiting.ended.len() == WAITING / 4;
        drop(waiting);
        if urgent {
            self.urgent.notify_one();
        }
        true
    }
}

/// Ends when all that has ended so far is written, or the writer has.
pub(super) async fn flush(inner: &Inner) {
    loop {
        let flushed = inner.queue.flushed.notified();
        {
            let waiting = inner.queue.waiting.lock();
            if waiting.over || waiting.ended.is_empty() && inner.queue.taken.load(Ordering::Acquire) == 0 {
                return;
            }
        }
        inner.queue.urgent.notify_one();
        flushed.await;
    }
}

/// Writes until `stop` is cancelled, and what is left then.
pub(super) async fn run(calls: Calls, stop: CancellationToken) {
    let inner = &*calls.inner;
    let mut writer = Writer { inner, cutters: HashMap::new(), backlog: Vec::new() };
    let mut tick = 0_u64;
    while !stop.is_cancelled() {
        tokio::select! {
            () = inner.queue.urgent.notified() => {}
            () = sleep(TICK) => {}
            () = stop.cancelled() => break,
        }
        tick += 1;
        if tick.is_multiple_of(LOOK) {
            writer.look();
        }
        let begun = Instant::now();
        let well = writer.turn().await;
        let rest = if well { (begun.elapsed() * REST).min(LONGEST_REST) } else { AGAIN };
        if !writer.backlog.is_empty() || !well || rest > TICK {
            // The calls are to have the processor, too. Who waits for a record does not wait for this.
            tokio::select! {
                () = sleep(rest) => {}
                () = inner.queue.urgent.notified() => inner.queue.urgent.notify_one(),
                () = stop.cancelled() => {}
            }
        }
    }
    let _late = timeout(FAREWELL, async {
        while !(writer.turn().await && writer.backlog.is_empty()) {
            if inner.queue.waiting.lock().ended.is_empty() && writer.backlog.is_empty() {
                break;
            }
        }
    })
    .await;
    let mut waiting = inner.queue.waiting.lock();
    waiting.over = true;
    (waiting.begun, waiting.ended) = (Vec::new(), Vec::new());
    drop(waiting);
    inner.queue.flushed.notify_waiters();
}

/// What cuts secrets out of the input and out of the output of an operation.
type Cutters = Arc<(Cutter, Cutter)>;

struct Writer<'a> {
    inner: &'a Inner,
    /// By the address of what they are of. Knowing it keeps the address from being another's; holding it would keep
    /// alive what has gone from the registry, with its connection.
    cutters: HashMap<usize, (Weak<Entry>, Cutters)>,
    /// Records of calls that have ended or run for long, in their order.
    backlog: Vec<Record>,
}

impl Writer<'_> {
    /// Writes what is urgent, and one batch of the rest; whether that went well.
    async fn turn(&mut self) -> bool {
        let (begun, ended) = {
            let mut waiting = self.inner.queue.waiting.lock();
            let ended =
                if self.backlog.len() < BATCH { std::mem::take(&mut waiting.ended) } else { Vec::new() };
            if !ended.is_empty() {
                waiting.bytes = 0;
                self.inner.queue.taken.fetch_add(ended.len(), Ordering::AcqRel);
            }
            (std::mem::take(&mut waiting.begun), ended)
        };
        self.backlog.extend(ended);
        self.inner.signs.waiting.set(i64::try_from(self.backlog.len()).unwrap_or(i64::MAX));
        let mut begun = begun.into_iter().peekable();
        while begun.peek().is_some() {
            let (records, told): (Vec<Record>, Vec<Told>) = begun.by_ref().take(BATCH).unzip();
            let done = self.write(&records).await;
            told.into_iter().for_each(|told| {
                let _gone = told.send(done.clone());
            });
        }
        if self.backlog.is_empty() {
            self.settle(0);
            return true;
        }
        let count = self.backlog.len().min(BATCH);
        let batch: Vec<Record> = self.backlog.drain(..count).collect();
        match self.write(&batch).await {
            Ok(()) => {
                self.settle(batch.iter().filter(|record| record.status.is_final()).count());
                true
            }
            Err(error) if error.code == alkhub_core::error::codes::UNAVAILABLE => {
                self.backlog.splice(..0, batch);
                false
            }
            Err(error) => {
                // One that cannot be written must not keep the others from it.
                tracing::error!(cause = error.cause, "calls could not be recorded");
                self.inner.signs.records.with_label_values(&["refused"]).inc_by(batch.len() as u64);
                self.settle(batch.iter().filter(|record| record.status.is_final()).count());
                false
            }
        }
    }

    fn settle(&self, written: usize) {
        let queue = &self.inner.queue;
        queue.taken.fetch_sub(written.min(queue.taken.load(Ordering::Acquire)), Ordering::AcqRel);
        if self.backlog.is_empty() {
            queue.flushed.notify_waiters();
        }
    }

    /// Takes up calls that run for long and are not written yet.
    fn look(&mut self) {
        let since = now_ms().saturating_sub(LONG);
        let most = WAITING.saturating_sub(self.backlog.len());
        let mut count = 0;
        let found = self.inner.live.find(|call| {
            let kept = call.kept::<Kept>()?;
            let fresh =
                !call.lineage().is_noted() && i64::try_from(call.started_ms()).is_ok_and(|at| at <= since);
            count += usize::from(fresh);
            (fresh && count <= most && !kept.status().is_final()).then(|| Record::begun(&call, kept))
        });
        self.backlog.extend(found);
    }

    async fn write(&mut self, records: &[Record]) -> Result<(), CallError> {
        let now = now_ms();
        let node = &*self.inner.node;
        let mut rows: HashMap<uuid::Uuid, Row> = HashMap::with_capacity(records.len());
        let mut bodies: HashMap<uuid::Uuid, Stored> = HashMap::new();
        let mut noted = Vec::new();
        for record in records {
            let newer = rows.get(&record.id).is_none_or(|row| {
                Status::of(&row.status).is_none_or(|status| status.may_become(record.status))
            });
            if newer || rows.get(&record.id).is_some_and(|row| row.operation.is_empty()) {
                rows.insert(record.id, record.row(node, now));
            }
            noted.push(&*record.lineage);
            for above in record.lineage.visible_ones().skip(1).filter(|above| !above.is_noted()) {
                noted.push(above);
                if rows.contains_key(&above.id()) {
                    continue;
                }
                let here = self.inner.live.get(above.id());
                let begun = here.and_then(|call| call.kept::<Kept>().map(|kept| Record::begun(&call, kept)));
                match (begun, above.elsewhere()) {
                    (Some(begun), _) => drop(rows.insert(above.id(), begun.row(node, now))),
                    (None, Some(other)) => drop(rows.insert(above.id(), stub(above, other))),
                    // It has ended, and its record is behind this one.
                    (None, None) => {
                        noted.pop();
                    }
                }
            }
            if record.input.is_some() || record.output.is_some() {
                let body = self.body(record);
                bodies
                    .entry(record.id)
                    .and_modify(|known: &mut Stored| {
                        if body.output_state > 0 {
                            (known.output, known.output_state) = (body.output.clone(), body.output_state);
                            known.enveloped = body.enveloped;
                        }
                    })
                    .or_insert(body);
            }
        }
        let begun = Instant::now();
        let count = rows.len() as u64;
        let done =
            calls::put(&self.inner.database, rows.into_values().collect(), bodies.into_values().collect());
        done.await?;
        noted.iter().for_each(|lineage| lineage.note());
        self.inner.signs.seconds.observe(begun.elapsed().as_secs_f64());
        self.inner.signs.records.with_label_values(&["written"]).inc_by(count);
        self.inner.queue.batches.fetch_add(1, Ordering::Relaxed);
        self.inner.written.send_modify(|number| *number += 1);
        Ok(())
    }

    fn body(&mut self, record: &Record) -> Stored {
        let cutters = self.cutters(&record.entry);
        let most = self.inner.settings.load().body_bytes;
        let input = record.input.as_ref().map_or(Body::None, |input| match input {
            Input::Value(value) => trimmed(value.clone(), None, &cutters.0, false, most),
            Input::Text { json, .. } => fitting(json, &cutters.0, false, most),
        });
        let envelope = record.output.as_ref().and_then(Output::envelope);
        let output = match (&record.output, envelope) {
            (Some(_), Some(envelope)) => fitting(envelope, &cutters.1, true, most),
            (Some(output), None) => fitting(output.text(), &cutters.1, false, most),
            (None, _) => Body::None,
        };
        let ((input, input_state), (output, output_state)) = (input.pack(), output.pack());
        let (key_digest, enveloped) = (record.key.map(Vec::from), envelope.is_some());
        Stored { id: key(record.id), input, output, input_state, output_state, enveloped, key_digest }
    }

    fn cutters(&mut self, entry: &Arc<Entry>) -> Arc<(Cutter, Cutter)> {
        if self.cutters.len() >= CUTTERS {
            self.cutters.clear();
        }
        let made = || {
            let foreign = !entry.is_own();
            let cutters =
                (Cutter::new(entry.input_schema(), foreign), Cutter::new(entry.output_schema(), foreign));
            (Arc::downgrade(entry), Arc::new(cutters))
        };
        self.cutters.entry(Arc::as_ptr(entry) as usize).or_insert_with(made).1.clone()
    }
}

/// An input as it would be kept, however large it is.
pub(super) fn kept(input: &Input, schema: &str, own: bool) -> Body {
    let cutter = Cutter::new(schema, !own);
    match input {
        Input::Value(value) => trimmed(value.clone(), None, &cutter, false, usize::MAX),
        Input::Text { json, .. } => fitting(json, &cutter, false, usize::MAX),
    }
}

/// An output as it would be kept, however large it is.
pub(super) fn answered(output: &Output, schema: &str, own: bool) -> Body {
    let cutter = Cutter::new(schema, !own);
    let envelope = output.envelope();
    fitting(envelope.unwrap_or_else(|| output.text()), &cutter, envelope.is_some(), usize::MAX)
}

/// What is kept of a text.
fn fitting(text: &Bytes, cutter: &Cutter, enveloped: bool, most: usize) -> Body {
    if text.len() > most {
        return Body::TooLarge;
    }
    if cutter.is_idle() {
        return clean(text.clone(), false);
    }
    match serde_json::from_slice(text) {
        Ok(value) => trimmed(value, Some(text), cutter, enveloped, most),
        // It will not have been accepted by anybody.
        Err(_) => Body::None,
    }
}

fn trimmed(mut value: Value, text: Option<&Bytes>, cutter: &Cutter, enveloped: bool, most: usize) -> Body {
    let place = if enveloped { value.get_mut("data") } else { Some(&mut value) };
    let mut cut = place.is_some_and(|place| cutter.cut(place));
    if enveloped
        && cut
        && let Some(meta) = value.get_mut("meta").and_then(Value::as_object_mut)
    {
        // The same once more, in a form that no schema tells of.
        cut |= meta.remove("content").is_some() | meta.remove("structuredContent").is_some();
    }
    let text = match (cut, text) {
        (false, Some(text)) => text.clone(),
        _ => Bytes::from(value.to_string()),
    };
    if text.len() > most {
        return Body::TooLarge;
    }
    clean(text, cut)
}

/// Without keys of the hub, wherever they stand.
fn clean(text: Bytes, cut: bool) -> Body {
    match redact(&text) {
        std::borrow::Cow::Owned(clean) => Body::Cut(clean.into()),
        std::borrow::Cow::Borrowed(_) if cut => Body::Cut(text),
        std::borrow::Cow::Borrowed(_) => Body::Whole(text),
    }
}
