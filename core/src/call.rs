//! The context of one running call.

use std::{
    net::IpAddr,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    CallError, Engine,
    engine::{Answer, Input, Output, Request},
    identity::{Caller, Identity},
    lineage::Lineage,
    once::{IdempotencyKey, Ticket},
    operation::Operation,
    peer::Peer,
    rate::Notes,
    registry::Entry,
    script::Script,
    trace::TraceContext,
};

/// Deepest chain of nested calls; a longer one is a loop between operations.
pub const MAX_DEPTH: u8 = 32;

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// The surface by which a call came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// REST route or gateway.
    Http,
    /// Call protocol.
    WebSocket,
    /// MCP.
    Mcp,
    /// Another call.
    Nested,
    /// The hub itself.
    Internal,
}

/// An absolute point in time by which a call must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    at: Instant,
    /// As it was said: it must not change on its way through hub and spokes.
    epoch_ms: u64,
}

/// Farther away than any call lasts; timers and `Instant` cannot express every number that a peer may send.
const FAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        let duration = duration.min(FAR);
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { at: Instant::now() + duration, epoch_ms: now_ms().saturating_add(millis) }
    }

    /// From milliseconds since the Unix epoch, as the protocol carries it; a past one is now.
    #[must_use]
    pub fn from_epoch_ms(deadline: u64) -> Self {
        let left = Duration::from_millis(deadline.saturating_sub(now_ms())).min(FAR);
        Self { at: Instant::now() + left, epoch_ms: deadline }
    }

    /// By the clock that timers go by.
    #[must_use]
    pub fn at(self) -> Instant {
        self.at
    }

    /// As milliseconds since the Unix epoch.
    #[must_use]
    pub fn epoch_ms(self) -> u64 {
        self.epoch_ms
    }
}

/// A recorded call that runs again. Time, randomness and ids are those that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Its id.
    pub of: Uuid,
    /// Id of the call that was the first of all repetitions: randomness, ids and keys follow from it.
    pub seed: Uuid,
    /// When that one began, in milliseconds since the Unix epoch.
    pub began_ms: u64,
    /// Digest of the idempotency key that it was called under, where that is known.
    pub key: Option<[u8; 32]>,
}

/// What a handler knows of the call that it serves. Cheap to clone.
#[derive(Clone)]
pub struct Call {
    pub(crate) inner: Arc<CallInner>,
}

pub(crate) struct CallInner {
    pub(crate) id: Uuid,
    pub(crate) parent: Option<Uuid>,
    pub(crate) depth: u8,
    pub(crate) entry: Arc<Entry>,
    pub(crate) caller: Caller,
    pub(crate) deadline: Option<Deadline>,
    pub(crate) cancel: CancellationToken,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) transport: Transport,
    pub(crate) surface: Transport,
    pub(crate) peer: Option<Peer>,
    pub(crate) origin: Option<IpAddr>,
    pub(crate) key: Option<IdempotencyKey>,
    /// Set once the call is the one that has the effect.
    pub(crate) ticket: OnceLock<Arc<Ticket>>,
    /// It, or the call that it is a part of, was taken from an allowance.
    pub(crate) charged: AtomicBool,
    pub(crate) notes: Option<Arc<Notes>>,
    pub(crate) carried: Option<Arc<dyn std::any::Any + Send + Sync>>,
    pub(crate) engine: Engine,
    pub(crate) lineage: Arc<Lineage>,
    pub(crate) repeats: Option<Repeat>,
    /// What answers the calls that it makes.
    pub(crate) script: Option<Arc<dyn Script>>,
    pub(crate) started_ms: u64,
    /// Random numbers that were drawn.
    pub(crate) drawn: AtomicU64,
    /// What an observer keeps of it.
    pub(crate) kept: OnceLock<Box<dyn std::any::Any + Send + Sync>>,
}

/// A call that may have ended.
#[derive(Clone)]
pub struct WeakCall(Weak<CallInner>);

impl WeakCall {
    /// The call, where anybody still holds it.
    #[must_use]
    pub fn upgrade(&self) -> Option<Call> {
        self.0.upgrade().map(|inner| Call { inner })
    }
}

impl Drop for CallInner {
    fn drop(&mut self) {
        // Whatever was started on the call's behalf and still holds its token has nobody left to work for.
        self.cancel.cancel();
    }
}

impl Call {
    /// Id of this call, which also names it in logs and answers.
    #[must_use]
    pub fn request_id(&self) -> Uuid {
        self.inner.id
    }

    /// Id of the call that made this one.
    #[must_use]
    pub fn parent_request_id(&self) -> Option<Uuid> {
        self.inner.parent
    }

    /// Id of the operation that runs.
    #[must_use]
    pub fn operation_id(&self) -> &str {
        self.inner.entry.id()
    }

    /// Query, mutation or subscription.
    #[must_use]
    pub fn kind(&self) -> crate::Kind {
        self.inner.entry.kind()
    }

    /// Whether a repetition of this call does no harm, as far as its operation says so.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        self.inner.entry.is_repeatable()
    }

    /// The verified identity, if the caller has one.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.inner.caller.as_deref()
    }

    /// The same, shared.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.inner.caller
    }

    /// When the call must have ended.
    #[must_use]
    pub fn deadline(&self) -> Option<Deadline> {
        self.inner.deadline
    }

    /// Ends when the call does, also by abort. Handlers need not poll it: their future is dropped. It is for
    /// work that they hand to other tasks.
    #[must_use]
    pub fn cancelled(&self) -> &CancellationToken {
        &self.inner.cancel
    }

    /// Free data from the caller; not verified.
    #[must_use]
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.inner.metadata
    }

    /// Place in the distributed trace.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.inner.trace
    }

    /// The surface by which the call came in.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.inner.transport
    }

    /// The surface by which that call came in which led to this one; its own where none did.
    #[must_use]
    pub fn surface(&self) -> Transport {
        self.inner.surface
    }

    /// The connection by which the call came in, or the call that led to it; `None` where it was not one of the
    /// call protocol.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.inner.peer.as_ref()
    }

    /// The key under which the caller may repeat the call.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.inner.key.as_ref()
    }

    /// What the answer is kept under, where the call has a key that its operation honours.
    #[must_use]
    pub fn ticket(&self) -> Option<&Arc<Ticket>> {
        self.inner.ticket.get()
    }

    /// What the transport carries for the handler beside the input, where it is of this type.
    #[must_use]
    pub fn carried<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner.carried.clone()?.downcast().ok()
    }

    /// The operation that runs.
    #[must_use]
    pub fn entry(&self) -> &Arc<Entry> {
        &self.inner.entry
    }

    /// Where it stands in the tree of calls.
    #[must_use]
    pub fn lineage(&self) -> &Arc<Lineage> {
        &self.inner.lineage
    }

    /// The recorded call that it repeats.
    #[must_use]
    pub fn repeats(&self) -> Option<Repeat> {
        self.inner.repeats
    }

    /// When it began, in milliseconds since the Unix epoch. A handler that may be replayed takes the time from here: it
    /// is the same in each repetition.
    #[must_use]
    pub fn began_ms(&self) -> u64 {
        self.inner.repeats.map_or(self.inner.started_ms, |repeats| repeats.began_ms)
    }

    /// When it truly began, in milliseconds since the Unix epoch, also where it repeats another.
    #[must_use]
    pub fn started_ms(&self) -> u64 {
        self.inner.started_ms
    }

    /// What keys of the calls that it makes are made of: the same in each repetition of the call, and in each call under
    /// the same idempotency key.
    #[must_use]
    pub fn key_root(&self) -> [u8; 32] {
        use sha2::{Digest, Sha256};
        let seed = || Sha256::digest(self.inner.repeats.map_or(self.inner.id, |repeats| repeats.seed)).into();
        self.key_digest().unwrap_or_else(seed)
    }

    /// Digest of the idempotency key that it was made under, or that the call was which it repeats.
    #[must_use]
    pub fn key_digest(&self) -> Option<[u8; 32]> {
        let own = self.inner.key.as_ref().map(IdempotencyKey::digest);
        own.or_else(|| self.inner.repeats.and_then(|repeats| repeats.key))
    }

    /// A random number that is the same in each repetition, and another at each asking. It follows from the id of the
    /// call, so it is no secret and none may be made of it.
    #[must_use]
    pub fn random(&self) -> u64 {
        self.draw().as_u64_pair().0
    }

    /// An id that is the same in each repetition, and another at each asking.
    #[must_use]
    pub fn fresh_id(&self) -> Uuid {
        let (high, low) = self.draw().as_u64_pair();
        uuid::Builder::from_random_bytes(Uuid::from_u64_pair(high, low).into_bytes()).into_uuid()
    }

    fn draw(&self) -> Uuid {
        use sha2::{Digest, Sha256};
        let id = self.inner.repeats.map_or(self.inner.id, |repeats| repeats.seed);
        let number = self.inner.drawn.fetch_add(1, Ordering::Relaxed);
        let hash = Sha256::new().chain_update(id.as_bytes()).chain_update(number.to_be_bytes()).finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Uuid::from_bytes(half)
    }

    /// Keeps something for an observer; the first that is kept stays.
    pub fn keep<T: Send + Sync + 'static>(&self, kept: T) {
        let _first = self.inner.kept.set(Box::new(kept));
    }

    /// What an observer keeps of it.
    #[must_use]
    pub fn kept<T: 'static>(&self) -> Option<&T> {
        self.inner.kept.get()?.downcast_ref()
    }

    /// The call as far as others hold it.
    #[must_use]
    pub fn downgrade(&self) -> WeakCall {
        WeakCall(Arc::downgrade(&self.inner))
    }

    /// Length of the chain of nested calls above.
    #[must_use]
    pub fn depth(&self) -> u8 {
        self.inner.depth
    }

    /// The engine that runs the call.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// Calls another operation as the same caller.
    ///
    /// # Errors
    /// What the other operation answers, or an infrastructure error.
    pub async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, CallError> {
        let input = serde_json::to_value(input).map_err(|error| CallError::internal(&error))?;
        self.call_dynamic(O::ID, input).await?.typed()
    }

    /// Calls another operation by id as the same caller.
    ///
    /// # Errors
    /// What the other operation answers, or an infrastructure error.
    pub async fn call_dynamic(
        &self,
        operation_id: &str,
        input: impl Into<Input>,
    ) -> Result<Output, CallError> {
        let request = self.child(input)?;
        let entry = self.inner.engine.find(operation_id, self.identity())?;
        self.inner.engine.call(entry, request).await
    }

    /// Calls another operation in the place of this one: the caller's idempotency key is for that one, what the
    /// caller is told beside its answer is told of this one, and where this one cost nothing of the caller's allowance
    /// that one does.
    ///
    /// # Errors
    /// What the other operation answers, or an infrastructure error.
    pub async fn pass_on(&self, operation_id: &str, input: impl Into<Input>) -> Result<Output, CallError> {
        let mut request = self.in_place(input)?;
        request.key.clone_from(&self.inner.key);
        request.notes.clone_from(&self.inner.notes);
        let entry = self.inner.engine.find(operation_id, self.identity())?;
        self.inner.engine.call(entry, request).await
    }

    fn in_place(&self, input: impl Into<Input>) -> Result<Request, CallError> {
        let mut request = self.child(input)?;
        request.counted = self.inner.charged.load(Ordering::Relaxed);
        Ok(request)
    }

    /// Calls or subscribes, whichever the other operation offers, in the place of this one.
    ///
    /// # Errors
    /// What the other operation answers, or an infrastructure error.
    pub async fn dispatch(&self, operation_id: &str, input: impl Into<Input>) -> Result<Answer, CallError> {
        let request = self.in_place(input)?;
        let entry = self.inner.engine.find(operation_id, self.identity())?;
        self.inner.engine.dispatch(entry, request).await
    }

    /// A request that inherits everything from this call.
    ///
    /// # Errors
    /// EXECUTION_ERROR where the chain of nested calls is too deep.
    pub fn child(&self, input: impl Into<Input>) -> Result<Request, CallError> {
        if self.inner.depth >= MAX_DEPTH {
            return Err(CallError::new(
                crate::error::codes::EXECUTION_ERROR,
                format!("Calls are nested more than {MAX_DEPTH} deep; operations call each other in a loop."),
            ));
        }
        if self.inner.lineage.is_stopping() {
            return Err(CallError::aborted("cancelled"));
        }
        let id = Uuid::now_v7();
        Ok(Request {
            id,
            parent: Some(self.inner.id),
            depth: self.inner.depth + 1,
            input: input.into(),
            caller: self.inner.caller.clone(),
            deadline: self.inner.deadline,
            cancel: self.inner.cancel.child_token(),
            metadata: self.inner.metadata.clone(),
            trace: self.inner.trace.map(TraceContext::child),
            transport: Transport::Nested,
            surface: Some(self.inner.surface),
            peer: self.inner.peer.clone(),
            origin: self.inner.origin,
            // A key names one intention of the caller; what an operation calls to serve it are others.
            key: None,
            counted: true,
            notes: None,
            carried: None,
            lineage: Some(self.inner.lineage.child(id)),
            repeats: None,
            script: self.inner.script.clone(),
        })
    }
}
