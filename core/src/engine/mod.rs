//! The one way in: find, authorise, validate, record, dispatch, record (design section 4).

pub mod handler;
mod input;
mod keyed;
mod observe;
mod output;
mod repeat;
mod run;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use input::{Input, Unchecked, parse, refuse_deep};
pub use observe::{Observer, Outcome};
pub use output::{Output, Shared};

use crate::{
    CallError, Registry,
    call::{Deadline, Repeat, Transport},
    identity::{Caller, Identity},
    lineage::Lineage,
    once::{Answers, IdempotencyKey},
    operation::ItemStream,
    peer::Peer,
    rate::{Notes, RateLimiter, Taking, Who},
    registry::Entry,
    script::Script,
    trace::TraceContext,
};

/// What a call answers with.
pub enum Answer {
    /// A single output.
    Once(Output),
    /// The items of a subscription.
    Stream(ItemStream<Output, CallError>),
}

/// A call as a transport hands it in.
pub struct Request {
    /// Id of the call.
    pub id: Uuid,
    /// Id of the call that makes this one.
    pub parent: Option<Uuid>,
    /// Length of the chain of nested calls above.
    pub depth: u8,
    /// Input, not yet validated.
    pub input: Input,
    /// What the connection authenticated as.
    pub caller: Caller,
    /// When the call must have ended; the operation's own timeout may be sooner.
    pub deadline: Option<Deadline>,
    /// Cancels the call.
    pub cancel: CancellationToken,
    /// Free data from the caller.
    pub metadata: Map<String, Value>,
    /// Place in the distributed trace.
    pub trace: Option<TraceContext>,
    /// Surface by which it came in.
    pub transport: Transport,
    /// Surface by which that call came in which led to it; its own where nothing is said.
    pub surface: Option<Transport>,
    /// The connection by which it came in, where that is one of the call protocol.
    pub peer: Option<Peer>,
    /// Address of the client, where it is known; it stands for a caller without a key.
    pub origin: Option<IpAddr>,
    /// The key under which the caller may repeat the call.
    pub key: Option<IdempotencyKey>,
    /// Another call was counted in the place of this one.
    pub counted: bool,
    /// Where the transport is told what to say beside the answer.
    pub notes: Option<Arc<Notes>>,
    /// What a transport and the handler of an operation agree on beside input and answer, for example bytes that only
    /// pass through. Calls that the handler makes do not have it.
    pub carried: Option<Arc<dyn std::any::Any + Send + Sync>>,
    /// Where it stands among other calls; a root where nothing is said.
    pub lineage: Option<Arc<Lineage>>,
    /// The recorded call that it repeats.
    pub repeats: Option<Repeat>,
    /// Where it repeats a call, what answers the calls that it makes; else what says what becomes of it.
    pub script: Option<Arc<dyn Script>>,
}

impl Request {
    /// A request of this caller, with a fresh id and nothing else said.
    #[must_use]
    pub fn new(input: impl Into<Input>, caller: Caller, transport: Transport) -> Self {
        Self::with_id(Uuid::now_v7(), input, caller, transport)
    }

    /// The same with an id that is known already.
    #[must_use]
    pub fn with_id(id: Uuid, input: impl Into<Input>, caller: Caller, transport: Transport) -> Self {
        Self {
            id,
            parent: None,
            depth: 0,
            input: input.into(),
            caller,
            deadline: None,
            cancel: CancellationToken::new(),
            metadata: Map::new(),
            trace: None,
            transport,
            surface: None,
            peer: None,
            origin: None,
            key: None,
            counted: false,
            notes: None,
            carried: None,
            lineage: None,
            repeats: None,
            script: None,
        }
    }
}

/// Bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Timeout of queries and mutations that declare none.
    pub call_timeout: Duration,
    /// Queries and mutations that may run at once; more are answered with UNAVAILABLE. So are more than eight times as
    /// many subscriptions, which for most of their time only wait.
    pub calls_in_flight: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { call_timeout: Duration::from_secs(60), calls_in_flight: 4096 }
    }
}

/// The same, which may change while calls run. Each is read by itself, so none needs an order with other memory.
struct Bounds {
    call_timeout_ms: AtomicU64,
    calls_in_flight: AtomicU64,
}

impl Bounds {
    fn new(limits: Limits) -> Self {
        let bounds = Self { call_timeout_ms: AtomicU64::new(0), calls_in_flight: AtomicU64::new(0) };
        bounds.set(limits);
        bounds
    }

    fn set(&self, limits: Limits) {
        let millis = u64::try_from(limits.call_timeout.as_millis()).unwrap_or(u64::MAX);
        self.call_timeout_ms.store(millis, Ordering::Relaxed);
        self.calls_in_flight.store(limits.calls_in_flight, Ordering::Relaxed);
    }

    fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms.load(Ordering::Relaxed))
    }
}

/// Subscriptions that may run for each query or mutation that may.
const STREAMS: u64 = 8;

/// Runs calls. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    limits: Bounds,
    observers: Vec<Arc<dyn Observer>>,
    answers: Option<Arc<dyn Answers>>,
    limiter: Option<Arc<dyn RateLimiter>>,
    running: AtomicU64,
    /// How many of those that run are subscriptions.
    streams: AtomicU64,
    total: AtomicU64,
}

impl Engine {
    /// An engine over these operations.
    #[must_use]
    pub fn new(registry: Registry, limits: Limits, observers: Vec<Arc<dyn Observer>>) -> Self {
        Self::guarded(registry, limits, observers, None, None)
    }

    /// The same, where answers are kept by idempotency key and calls are counted.
    #[must_use]
    pub fn guarded(
        registry: Registry,
        limits: Limits,
        observers: Vec<Arc<dyn Observer>>,
        answers: Option<Arc<dyn Answers>>,
        limiter: Option<Arc<dyn RateLimiter>>,
    ) -> Self {
        let [running, streams, total] = [const { AtomicU64::new(0) }; 3];
        let limits = Bounds::new(limits);
        Self {
            inner: Arc::new(Inner { registry, limits, observers, answers, limiter, running, streams, total }),
        }
    }

    /// Other bounds, for calls from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.inner.limits.set(limits);
    }

    /// The operations.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Calls that run now.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.inner.running.load(Ordering::Relaxed)
    }

    /// Whether there are as many calls of a kind as there may be, with this one.
    fn is_full(&self, kind: crate::Kind) -> bool {
        use Ordering::Relaxed;
        let (running, streams) = (self.inner.running.load(Relaxed), self.inner.streams.load(Relaxed));
        let most = self.inner.limits.calls_in_flight.load(Relaxed);
        match kind {
            crate::Kind::Subscription => streams > most.saturating_mul(STREAMS),
            _ => running.saturating_sub(streams) > most,
        }
    }

    /// Calls begun since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.inner.total.load(Ordering::Relaxed)
    }

    /// Takes one step from an allowance; whether there is one.
    async fn count(&self, who: Who<'_>, what: Taking<'_>, notes: Option<&Notes>) -> Result<bool, CallError> {
        let Some(limiter) = &self.inner.limiter else { return Ok(false) };
        let Some(standing) = limiter.take(who, what) else { return Ok(false) };
        let standing = standing.await;
        if let Some(notes) = notes {
            notes.stands(&standing);
        }
        standing.refusal().map_or(Ok(true), Err)
    }

    /// Counts credentials that were not accepted against the address that they came from.
    ///
    /// # Errors
    /// RATE_LIMITED, to be answered in place of the refusal.
    pub async fn count_refused(
        &self,
        origin: Option<IpAddr>,
        notes: Option<&Notes>,
    ) -> Result<(), CallError> {
        match origin {
            Some(address) => self.count(Who::Address(address), Taking::Refused, notes).await.map(drop),
            None => Ok(()),
        }
    }

    /// Counts a request that is no call, by this name, as a call of its caller.
    ///
    /// # Errors
    /// RATE_LIMITED.
    pub async fn count_request(
        &self,
        caller: &Identity,
        name: &str,
        notes: Option<&Notes>,
    ) -> Result<(), CallError> {
        self.count(Who::Key(&caller.id), Taking::Call(name), notes).await.map(drop)
    }

    /// The entry of an operation.
    ///
    /// # Errors
    /// OPERATION_NOT_FOUND, with the nearest visible id where one is near.
    pub fn find(&self, id: &str, caller: Option<&Identity>) -> Result<Arc<Entry>, CallError> {
        self.inner.registry.resolve(id, caller).ok_or_else(|| {
            let mut error = CallError::operation_not_found(id);
            if let (Some(near), Some(details)) =
                (self.inner.registry.nearest(id, caller), error.details.as_mut())
            {
                error.message.push_str(&format!(" (did you mean {near}?)"));
                details["suggestion"] = near.into();
            }
            error
        })
    }

    /// Calls a query or mutation and answers with its output.
    ///
    /// # Errors
    /// What the operation answers, or an infrastructure error.
    pub async fn call(&self, entry: Arc<Entry>, request: Request) -> Result<Output, CallError> {
        if entry.kind() == crate::Kind::Subscription {
            // Who may not call it learns nothing more of it.
            entry.access().check(entry.id(), request.caller.as_deref())?;
            return Err(CallError::bad_request(format!(
                "{} is a subscription; subscribe to it instead.",
                entry.id()
            )));
        }
        self.dispatch(entry, request).await?.once()
    }
}
