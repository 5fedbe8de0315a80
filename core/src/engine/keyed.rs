//! Calls with an idempotency key: one has the effect, the others get its answer (ADR 0028).

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{Answer, Engine, Input, Output, Unchecked, observe::Running};
use crate::{
    Call, CallError,
    call::Deadline,
    error::codes,
    once::{Answers, Claim, Kept, Ticket},
    registry::Entry,
};

/// First and longest pause between two looks at whether an earlier call has ended.
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(200));

impl Engine {
    /// Runs a call in a task of its own, which goes on when the caller leaves or aborts.
    pub(super) async fn apart(
        &self,
        entry: Arc<Entry>,
        running: Running,
        input: Input,
        counted: bool,
        cancel: CancellationToken,
    ) -> Result<Answer, CallError> {
        let engine = self.clone();
        let work = async move {
            let answer = engine.once(&entry, running.call(), input, counted).await;
            engine.finished(answer, running)
        };
        let work = tokio::spawn(Box::pin(work.in_current_span()));
        tokio::select! {
            biased;
            answer = work => answer.unwrap_or_else(|error| Err(CallError::internal(&error))),
            () = cancel.cancelled() => Err(CallError::aborted("cancelled")),
        }
    }

    async fn once(
        &self,
        entry: &Entry,
        call: &Call,
        input: Input,
        counted: bool,
    ) -> Result<Answer, CallError> {
        self.admit(entry, call, counted).await?;
        let (Some(answers), Some(caller), Some(key)) =
            (&self.inner.answers, call.identity(), call.idempotency_key())
        else {
            return self.serve(entry, call, Unchecked::new(input, entry.validator()?)).await;
        };
        // Valid before it is remembered: a fault of the input is no use of the key.
        let input = Unchecked::new(input, entry.validator()?).value()?;
        let atomic = entry.handler.is_atomic();
        let ticket =
            Arc::new(Ticket::new(&caller.id, entry.id(), key.clone(), &input, call.request_id(), atomic));
        let claimed = by(call.deadline(), claim(&**answers, &ticket, call)).await.unwrap_or_else(Err);
        if claimed.is_err() {
            // It may have been written all the same; nothing was done for it.
            let (answers, ticket) = (answers.clone(), ticket.clone());
            tokio::spawn(async move { keep(&*answers, &ticket, None).await });
        }
        if let Some(kept) = claimed? {
            if let Some(notes) = &call.inner.notes {
                notes.replayed();
            }
            return kept.map(|data| Answer::Once(Output::replayed(data)));
        }
        let _set_once = call.inner.ticket.set(ticket.clone());
        let input = Unchecked::new(Input::Value(input), entry.validator()?);
        let answer = tokio::select! {
            biased;
            answer = self.serve(entry, call, input) => answer,
            never = renew(&**answers, &ticket) => match never {},
        };
        let kept = kept(entry, &answer);
        // Told after it is kept, but for a database that is silent: the caller has a deadline.
        let keeping = tokio::spawn({
            let answers = answers.clone();
            async move { keep(&*answers, &ticket, kept).await }
        });
        let _late = by(call.deadline(), keeping).await;
        answer
    }
}

/// What comes of something by a deadline; TIMEOUT if nothing does.
async fn by<T>(deadline: Option<Deadline>, work: impl Future<Output = T>) -> Result<T, CallError> {
    match deadline {
        Some(deadline) => {
            timeout_at(deadline.at(), work).await.map_err(|_| CallError::timeout(deadline.epoch_ms()))
        }
        None => Ok(work.await),
    }
}

/// Waits until this call is the one, or another has ended, whose answer it gives.
async fn claim(answers: &dyn Answers, ticket: &Ticket, call: &Call) -> Result<Option<Kept>, CallError> {
    let mut pause = PAUSES.0;
    loop {
        match answers.claim(ticket).await? {
            Claim::Mine => return Ok(None),
            Claim::Done(kept) => return Ok(Some(kept)),
            Claim::Running => {}
            Claim::Reused => {
                return Err(CallError::new(
                    codes::IDEMPOTENCY_KEY_REUSED,
                    "The idempotency key was used with another input; make a new key for another call.",
                ));
            }
            Claim::Unknown => {
                return Err(CallError::new(
                    codes::IDEMPOTENCY_UNKNOWN_OUTCOME,
                    "An earlier call with this idempotency key was cut off; it may have had its effect. Look, and use a new key.",
                ));
            }
        }
        if let Some(deadline) = call.deadline().filter(|deadline| deadline.at() <= Instant::now()) {
            return Err(CallError::timeout(deadline.epoch_ms()));
        }
        let next = Instant::now() + pause;
        sleep_until(call.deadline().map_or(next, |deadline| deadline.at().min(next))).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Says again and again that the call runs.
async fn renew(answers: &dyn Answers, ticket: &Ticket) -> std::convert::Infallible {
    loop {
        sleep(answers.lease() / 3).await;
        if let Err(error) = answers.renew(ticket).await {
            tracing::debug!(%error, "the lease of an idempotency key was not renewed");
        }
    }
}

/// What is kept of an answer. Other errors are told to the caller, who knows that it has to ask again.
fn kept(entry: &Entry, answer: &Result<Answer, CallError>) -> Option<Kept> {
    match answer {
        Ok(Answer::Once(output)) => Some(Ok(output.clone().into_data())),
        Err(error) if entry.declares(&error.code) => Some(Err(error.clone())),
        Err(_) | Ok(Answer::Stream(_)) => None,
    }
}

/// Keeps an answer, or gives the key free. Where the effect was done although the call failed, the answer was kept
/// with it and is not forgotten here.
async fn keep(answers: &dyn Answers, ticket: &Ticket, kept: Option<Kept>) {
    let done = match kept {
        Some(Ok(_)) if ticket.is_settled() => Ok(()),
        Some(answer) => answers.finish(ticket, &answer).await,
        None => answers.release(ticket).await,
    };
    if let Err(error) = done {
        let operation = &*ticket.operation_id;
        tracing::warn!(%error, operation, "the answer to an idempotency key was not kept");
    }
}
