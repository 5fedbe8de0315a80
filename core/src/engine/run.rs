//! Running one call: from its request to its answer.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures::{
    FutureExt, Stream, StreamExt,
    future::BoxFuture,
    stream::{BoxStream, CatchUnwind},
};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    Answer, Engine, Input, Output, Request, Unchecked,
    observe::{Outcome, Running},
    repeat,
};
use crate::{
    Call, CallError, Kind, RecordMode,
    call::{CallInner, Deadline, now_ms},
    lineage::Lineage,
    rate::{Taking, Who},
    registry::Entry,
};

impl Engine {
    /// Runs a call. Dropping the future, or the stream that it answers with, aborts it.
    ///
    /// # Errors
    /// What the operation answers, or an infrastructure error.
    pub async fn dispatch(&self, entry: Arc<Entry>, mut request: Request) -> Result<Answer, CallError> {
        let answer = repeat::consult(&entry, &mut request);
        let own = match (entry.timeout(), entry.kind()) {
            (Some(timeout), _) => Some(Deadline::after(timeout)),
            (None, Kind::Subscription) => None,
            (None, _) => Some(Deadline::after(self.inner.limits.call_timeout())),
        };
        let deadline = match (own, request.deadline) {
            (Some(own), Some(asked)) => Some(own.min(asked)),
            (own, asked) => own.or(asked),
        };
        let derived = request.key.is_none().then(|| repeat::key(&entry, &request)).flatten();
        let Request { caller, cancel, key, .. } = request;
        // What a key of the caller's keeps going when it leaves, one that stands for the call's id does not.
        let stays = key.is_some();
        let key = key.or(derived);
        let keyed = answer.is_none()
            && key.is_some()
            && caller.is_some()
            && entry.honours_key()
            && self.inner.answers.is_some();
        let lineage = request.lineage.unwrap_or_else(|| Lineage::root(request.id));
        if entry.record() == RecordMode::None {
            lineage.hide();
        }
        lineage.own(&caller);
        let call = Call {
            inner: Arc::new(CallInner {
                id: request.id,
                parent: request.parent,
                depth: request.depth,
                entry: entry.clone(),
                caller,
                deadline,
                // A call with a key goes on when its caller leaves, so that the answer is there when it returns.
                cancel: if keyed && stays { CancellationToken::new() } else { cancel.clone() },
                metadata: request.metadata,
                trace: request.trace,
                transport: request.transport,
                surface: request.surface.unwrap_or(request.transport),
                peer: request.peer,
                origin: request.origin,
                key,
                ticket: OnceLock::new(),
                charged: AtomicBool::new(false),
                notes: request.notes,
                carried: request.carried,
                engine: self.clone(),
                lineage,
                repeats: request.repeats,
                script: request.script,
                started_ms: now_ms(),
                drawn: AtomicU64::new(0),
                kept: OnceLock::new(),
            }),
        };
        let running = Running::begin(call);
        if let Some(answer) = answer {
            let answer = self.answered(&entry, &running, request.input, request.counted, answer).await;
            return self.finished(answer.map(Answer::Once), running);
        }
        if keyed {
            return Box::pin(self.apart(entry, running, request.input, request.counted, cancel)).await;
        }
        self.finished(self.admitted(&entry, &running, request.input, request.counted).await, running)
    }

    /// Reports how a call ended, at once or with its stream.
    pub(super) fn finished(
        &self,
        answer: Result<Answer, CallError>,
        mut running: Running,
    ) -> Result<Answer, CallError> {
        match answer {
            Ok(Answer::Once(output)) => {
                let call = running.call();
                self.inner.observers.iter().for_each(|observer| observer.answered(call, &output));
                running.end(Outcome::Completed);
                Ok(Answer::Once(output))
            }
            Ok(Answer::Stream(items)) => Ok(Answer::Stream(watch(items, running))),
            Err(error) => {
                running.end(Outcome::Failed(&error));
                Err(error)
            }
        }
    }

    async fn admitted(
        &self,
        entry: &Entry,
        running: &Running,
        input: Input,
        counted: bool,
    ) -> Result<Answer, CallError> {
        self.admit(entry, running.call(), counted).await?;
        self.serve(entry, running.call(), Unchecked::new(input, entry.validator()?)).await
    }

    /// Lets a call in: its caller may make it, has not made too many, and there is room and time.
    pub(super) async fn admit(&self, entry: &Entry, call: &Call, counted: bool) -> Result<(), CallError> {
        entry.access().check(entry.id(), call.identity())?;
        // Another process of this hub has counted what it passes on.
        let passed_on = call.peer().is_some_and(crate::Peer::is_same_hub);
        let mut charged = counted || passed_on;
        if self.inner.limiter.is_some() && !passed_on {
            let who = call.identity().map(|identity| Who::Key(&identity.id));
            let what = if counted { Taking::Nested(entry.id()) } else { Taking::Call(entry.id()) };
            if let Some(who) = who.or_else(|| call.inner.origin.map(Who::Address)) {
                charged |= self.count(who, what, call.inner.notes.as_deref()).await?;
            }
        }
        call.inner.charged.store(charged, Ordering::Relaxed);
        if self.is_full(entry.kind()) {
            let mut error = CallError::new(
                crate::error::codes::UNAVAILABLE,
                "The hub runs as many calls as it may; try again.",
            );
            error.retry_after = Some(1);
            return Err(error);
        }
        // Too late before it began: a spoke should not even hear of it.
        match call.deadline().filter(|deadline| deadline.at() <= tokio::time::Instant::now()) {
            Some(deadline) => Err(CallError::timeout(deadline.epoch_ms())),
            None => Ok(()),
        }
    }

    /// Tells the observers that a call is to be served; what it must wait for before it is.
    pub(super) fn observed(
        &self,
        call: &Call,
        input: &mut Unchecked<'_>,
    ) -> Result<Option<BoxFuture<'static, Result<(), CallError>>>, CallError> {
        let observers = &self.inner.observers;
        if observers.iter().any(|observer| observer.insists(call)) {
            input.check()?;
        }
        let mut waits = observers.iter().filter_map(|observer| observer.admitted(call, input.input()));
        let Some(first) = waits.next() else { return Ok(None) };
        let others: Vec<_> = waits.collect();
        Ok(Some(if others.is_empty() {
            first
        } else {
            async move {
                first.await?;
                futures::future::try_join_all(others).await.map(drop)
            }
            .boxed()
        }))
    }

    /// Runs the handler within the call's bounds.
    pub(super) async fn serve(
        &self,
        entry: &Entry,
        call: &Call,
        mut input: Unchecked<'_>,
    ) -> Result<Answer, CallError> {
        // Only inside a traced request is there anybody to look at the span.
        let span = if tracing::Span::current().is_disabled() {
            tracing::Span::none()
        } else {
            tracing::info_span!(target: "alkhub::call", "call", operation = entry.id(), request_id = %call.request_id())
        };
        let waits = self.observed(call, &mut input)?;
        // No further future around that of the handler, for which the stack of a deep call has no room.
        let work = match waits {
            None => entry.handler.serve(call, input),
            Some(waits) => Box::pin(async move {
                waits.await?;
                entry.handler.serve(call, input).await
            }),
        };
        let work = AssertUnwindSafe(work).catch_unwind().instrument(span);
        let cancelled = call.cancelled().cancelled();
        let bounded = async {
            match call.deadline() {
                Some(deadline) => {
                    timeout_at(deadline.at(), work).await.map_err(|_| CallError::timeout(deadline.epoch_ms()))
                }
                None => Ok(work.await),
            }
        };
        tokio::select! {
            biased;
            ended = bounded => match ended? {
                Ok(answer) => answer,
                Err(panic) => Err(panicked(&*panic)),
            },
            () = cancelled => Err(CallError::aborted("cancelled")),
        }
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> CallError {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    CallError::internal(&format_args!("handler panicked: {text}"))
}

/// Ends a stream at the call's deadline or abort, and reports how it ended.
fn watch(
    items: BoxStream<'static, Result<Output, CallError>>,
    running: Running,
) -> BoxStream<'static, Result<Output, CallError>> {
    let stop = {
        let (deadline, cancel) = (running.call().deadline(), running.call().cancelled().clone());
        async move {
            match deadline {
                Some(deadline) => tokio::select! {
                    () = cancel.cancelled_owned() => CallError::aborted("cancelled"),
                    () = tokio::time::sleep_until(deadline.at()) => CallError::timeout(deadline.epoch_ms()),
                },
                None => {
                    cancel.cancelled_owned().await;
                    CallError::aborted("cancelled")
                }
            }
        }
        .boxed()
    };
    Watched { items: AssertUnwindSafe(items).catch_unwind(), stop: Some(stop), running }.boxed()
}

struct Watched {
    items: CatchUnwind<AssertUnwindSafe<BoxStream<'static, Result<Output, CallError>>>>,
    /// `None` once the stream has ended.
    stop: Option<BoxFuture<'static, CallError>>,
    running: Running,
}

impl Stream for Watched {
    type Item = Result<Output, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stop) = &mut self.stop else { return Poll::Ready(None) };
        let item = match stop.poll_unpin(cx) {
            Poll::Ready(error) => Some(Err(error)),
            Poll::Pending => ready!(self.items.poll_next_unpin(cx))
                .map(|caught| caught.unwrap_or_else(|panic| Err(panicked(&*panic)))),
        };
        match &item {
            None => self.running.end(Outcome::Completed),
            Some(Err(error)) => self.running.end(Outcome::Failed(error)),
            Some(Ok(_)) => return Poll::Ready(item),
        }
        self.stop = None;
        Poll::Ready(item)
    }
}
