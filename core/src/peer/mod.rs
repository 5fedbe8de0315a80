//! One end of a connection of the call protocol. Both ends are the same: each calls and subscribes outwards and serves
//! what the other asks for. Everything that grows has a bound, and a peer that breaks one is cut off alone.

mod call;
mod faults;
mod limits;
mod link;
mod outbox;
mod pending;
mod served;
mod stream;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use call::Outgoing;
pub use limits::Limits;
pub use link::{End, drive, run, socket_config};

use self::{faults::Faults, outbox::Outbox, pending::Pending, served::Served};
use crate::{CallError, Engine, Identity, identity::Caller, protocol};

/// What stands behind this end: who the other one is, and what is served to it.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Runs what the other end asks for.
    fn engine(&self) -> &Engine;

    /// As whom a request of the other end runs; `claimed` is what the message says, which a spoke believes of
    /// its hub, a process of another one of the same hub, and nobody else.
    ///
    /// # Errors
    /// ACCESS_DENIED where the other end is not welcome any more.
    async fn identify(&self, peer: &Peer, claimed: Option<Identity>) -> Result<Caller, CallError>;

    /// Whether the connection may go on; asked at every heartbeat.
    async fn welcome(&self, _peer: &Peer) -> bool {
        true
    }

    /// Whether events of a topic may be sent to the other end.
    fn may_hear(&self, _peer: &Peer, _topic: &str) -> bool {
        false
    }

    /// Whether the other end is a process of the same hub: its calls have been counted there and keep their ids.
    fn is_same_hub(&self) -> bool {
        false
    }

    /// The connection is over; what it offered is to be taken away.
    fn ended(&self, _peer: &Peer) {}
}

/// A connection. Cheap to clone.
#[derive(Clone)]
pub struct Peer {
    inner: Arc<Inner>,
}

struct Inner {
    number: u64,
    limits: Limits,
    service: Arc<dyn Service>,
    outbox: Outbox,
    pending: Mutex<HashMap<Uuid, Pending>>,
    served: Mutex<HashMap<Arc<str>, Served>>,
    topics: Mutex<HashSet<String>>,
    binary: AtomicBool,
    refusing: AtomicBool,
    /// Whether the connection may go on is to be asked now.
    recheck: Notify,
    /// Milliseconds from `begun` to the last sign of life.
    heard: AtomicU64,
    waiting: AtomicUsize,
    /// Bytes of input of the requests that run here.
    serving: AtomicUsize,
    begun: Instant,
    closed: CancellationToken,
    why: Mutex<&'static str>,
    faults: Faults,
}

/// A part of a message that is kept for longer than the message is looked at. Where the rest of the message is much
/// larger, a copy: a slice would keep all of it.
fn kept(message: &bytes::Bytes, part: &str) -> bytes::Bytes {
    if message.len() > part.len() * 2 + 1024 {
        bytes::Bytes::copy_from_slice(part.as_bytes())
    } else {
        message.slice_ref(part.as_bytes())
    }
}

static NUMBERS: AtomicU64 = AtomicU64::new(1);

impl Peer {
    /// One end of a connection that [`run`] is to drive.
    #[must_use]
    pub fn new(service: Arc<dyn Service>, limits: Limits) -> Self {
        Self {
            inner: Arc::new(Inner {
                number: NUMBERS.fetch_add(1, Ordering::Relaxed),
                outbox: Outbox::new(limits.buffer_soft, limits.buffer_hard),
                limits,
                service,
                pending: Mutex::default(),
                served: Mutex::default(),
                topics: Mutex::default(),
                binary: AtomicBool::new(false),
                refusing: AtomicBool::new(false),
                recheck: Notify::new(),
                heard: AtomicU64::new(0),
                waiting: AtomicUsize::new(0),
                serving: AtomicUsize::new(0),
                begun: Instant::now(),
                closed: CancellationToken::new(),
                why: Mutex::new("disconnected"),
                faults: Faults::default(),
            }),
        }
    }

    /// Number of the connection within this process, for logs.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.inner.number
    }

    /// Whether both are the same connection.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Whether the other end is a process of the same hub.
    #[must_use]
    pub fn is_same_hub(&self) -> bool {
        self.inner.service.is_same_hub()
    }

    /// Calls that this end has made and that are not answered yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.inner.waiting.load(Ordering::Relaxed)
    }

    /// Calls of the other end that run here.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.inner.served.lock().len()
    }

    /// The same without subscriptions of which the other end says how fast it reads them: what is sure to end.
    #[must_use]
    pub fn answering(&self) -> usize {
        self.inner.served.lock().values().filter(|served| !served.is_stream()).count()
    }

    /// Ends when the connection does.
    #[must_use]
    pub fn closed(&self) -> &CancellationToken {
        &self.inner.closed
    }

    /// Says why the calls that wait for the other end are aborted, should the connection end.
    pub fn name_end(&self, reason: &'static str) {
        *self.inner.why.lock() = reason;
    }

    /// Ends the connection in order: what is queued is sent, then a close frame. Nothing new is begun for it.
    pub fn close(&self, code: u16, reason: &str) {
        self.refuse_new();
        self.inner.outbox.push_close(code, reason);
    }

    /// What waits for the other end is over now, without waiting for the end of the connection.
    pub fn abandon(&self) {
        let pending = std::mem::take(&mut *self.inner.pending.lock());
        for waiting in pending.into_values() {
            waiting.fail(self.gone());
        }
    }

    /// Asks the service at once whether the connection may go on, and not only at the next heartbeat.
    pub fn recheck(&self) {
        self.inner.recheck.notify_one();
    }

    /// From now on requests of the other end are answered with UNAVAILABLE; those that run go on.
    pub fn refuse_new(&self) {
        self.inner.refusing.store(true, Ordering::Release);
    }

    /// Sends an event to the other end, if it has subscribed to its topic (`type:id`, or the bare type) and may hear it.
    /// Whether it was sent.
    pub fn publish(&self, kind: &str, id: &str, payload: &[u8]) -> bool {
        let topic = if id.is_empty() { kind.to_owned() } else { format!("{kind}:{id}") };
        let subscribed = {
            let topics = self.inner.topics.lock();
            topics.contains(&topic) || topics.contains(kind) || topics.contains(&format!("{kind}:"))
        };
        subscribed
            && self.inner.service.may_hear(self, &topic)
            && self.send(protocol::event(kind, id, payload)).is_ok()
    }

    fn send(&self, frame: bytes::Bytes) -> Result<(), CallError> {
        if self.inner.outbox.push(frame) { Ok(()) } else { Err(self.gone()) }
    }

    /// Why what waited for the other end is over.
    fn gone(&self) -> CallError {
        CallError::aborted(*self.inner.why.lock())
    }

    fn hear(&self) {
        let passed = u64::try_from(self.inner.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.inner.heard.store(passed, Ordering::Relaxed);
    }

    /// The connection is over: nothing waits for it any more, and nothing runs on its behalf.
    fn end(&self) {
        self.inner.closed.cancel();
        self.inner.outbox.shut();
        let served = std::mem::take(&mut *self.inner.served.lock());
        served.values().for_each(Served::abort);
        self.abandon();
        self.inner.service.ended(self);
    }
}
