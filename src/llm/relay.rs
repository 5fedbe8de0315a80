//! Passing a stream on: in whole events, no faster than the caller reads, with an eye on its usage and its end.

use std::{collections::VecDeque, time::Duration};

use alkhub_core::{CallError, engine::Output, operation::ItemStream};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt, stream};
use tokio::time::timeout;

use super::{
    dialect::{Fault, Seen, events, translate},
    failure,
    meter::Meter,
    upstream::Begun,
};

/// Longest wait for a provider to close a stream that has ended, so that its connection can be used again.
const CLOSING: Duration = Duration::from_millis(100);

/// Most bytes that are passed on together.
const TOGETHER: usize = 16 * 1024;

struct Relay {
    meter: Meter,
    begun: Begun,
    /// What came before the relay began, not yet looked at by it.
    held: VecDeque<Bytes>,
    translator: Option<translate::Stream>,
    strip: bool,
    idle: Duration,
    /// The end, or a failure, that came while more was looked for.
    next: Option<Option<reqwest::Result<Bytes>>>,
    /// Set by an error that the provider has told of itself.
    failed: bool,
    over: bool,
}

/// The parts of the stream for the caller; an error ends it.
pub(super) fn stream(
    meter: Meter,
    mut begun: Begun,
    translator: Option<translate::Stream>,
    strip: bool,
    idle: Duration,
) -> ItemStream<Output, CallError> {
    let held = VecDeque::from(std::mem::take(&mut begun.held));
    let relay = Relay { meter, begun, held, translator, strip, idle, next: None, failed: false, over: false };
    stream::unfold(relay, |mut relay| async move {
        let item = relay.next().await?;
        Some((item, relay))
    })
    .boxed()
}

impl Relay {
    async fn next(&mut self) -> Option<Result<Output, CallError>> {
        loop {
            if self.over {
                return None;
            }
            let part = match self.held.pop_front() {
                // It was looked at while the first token was waited for.
                Some(part) => Ok(Some((part, false))),
                None => self.more().await.map(|part| part.map(|part| (part, true))),
            };
            let part = match part {
                Ok(Some(part)) => part,
                Ok(None) => {
                    self.finish("ok");
                    return None;
                }
                Err(error) => return self.fail(error),
            };
            match self.passed(part.0, part.1) {
                Ok(out) if out.is_empty() => {}
                Ok(out) => {
                    self.meter.sent(&out);
                    return Some(Ok(Output::data(out)));
                }
                Err(error) => return self.fail(error),
            }
        }
    }

    /// The next whole events; `None` at the proper end.
    async fn more(&mut self) -> Result<Option<Bytes>, CallError> {
        loop {
            if self.failed {
                return Ok(None);
            }
            let patience = if self.begun.watch.ended() { CLOSING } else { self.idle };
            let next = match self.next.take() {
                Some(next) => Ok(next),
                None => timeout(patience, self.begun.body.next()).await,
            };
            let chunk = match next {
                _ if self.begun.watch.ended() => return Ok(None),
                Err(_) => return Err(self.broken("was silent for too long in the middle of its stream")),
                Ok(None) => return Err(self.broken("ended its stream in the middle")),
                Ok(Some(Err(_))) => return Err(self.broken("broke off in the middle of its stream")),
                Ok(Some(Ok(chunk))) => self.with_more(chunk),
            };
            match self.begun.splitter.push(chunk) {
                Ok(Some(part)) => return Ok(Some(part)),
                Ok(None) => {}
                Err(error) => return Err(self.broken(&format!("sent too much at once ({error})"))),
            }
        }
    }

    /// What has come already goes with it, as one part: a caller that is slower than its provider gets fewer and larger ones.
    fn with_more(&mut self, chunk: Bytes) -> Bytes {
        let mut all = BytesMut::new();
        while all.len().max(chunk.len()) < TOGETHER {
            match self.begun.body.next().now_or_never() {
                Some(Some(Ok(more))) => {
                    if all.is_empty() {
                        all.extend_from_slice(&chunk);
                    }
                    all.extend_from_slice(&more);
                }
                Some(other) => {
                    self.next = Some(other);
                    break;
                }
                None => break,
            }
        }
        if all.is_empty() { chunk } else { all.freeze() }
    }

    fn broken(&self, what: &str) -> CallError {
        failure::failed("of the model", None, what)
    }

    /// What the caller is to see of these events.
    fn passed(&mut self, part: Bytes, unseen: bool) -> Result<Bytes, CallError> {
        let mut out = BytesMut::new();
        let mut translated = Vec::new();
        let mut whole = self.translator.is_none();
        for event in events(&part) {
            let seen = if unseen || self.strip { self.look(&event, unseen) } else { Seen::Other };
            if let Some(translator) = &mut self.translator {
                translator.event(&event, &mut translated).map_err(told)?;
                continue;
            }
            if seen == Seen::UsageOnly && self.strip {
                if whole {
                    // Everything before it was to be passed on as it is.
                    whole = false;
                    let before = event.raw.as_ptr().addr() - part.as_ptr().addr();
                    out.extend_from_slice(&part[..before]);
                }
                continue;
            }
            if !whole {
                out.extend_from_slice(event.raw);
            }
        }
        self.meter.parts = self.begun.watch.tokens();
        self.meter.used(self.begun.watch.usage());
        if self.translator.is_some() {
            return Ok(translated.into());
        }
        Ok(if whole { part } else { out.freeze() })
    }

    fn look(&mut self, event: &super::dialect::Event<'_>, unseen: bool) -> Seen {
        if !unseen {
            // Only whether it is to be kept back; its tokens are counted already.
            return super::dialect::Watch::new(super::dialect::Dialect::Chat).event(event);
        }
        let seen = self.begun.watch.event(event);
        if seen == Seen::Failed && self.translator.is_none() {
            self.failed = true;
        }
        seen
    }

    fn finish(&mut self, status: &'static str) {
        self.over = true;
        self.meter.ends(if self.failed { "cut" } else { status });
    }

    fn fail(&mut self, error: CallError) -> Option<Result<Output, CallError>> {
        self.finish("cut");
        Some(Err(error))
    }
}

fn told(fault: Fault) -> CallError {
    failure::failed("of the model", None, &format!("failed in the middle of its stream: {}", fault.message))
}
