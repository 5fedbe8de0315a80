//! What processes ask of each other for MCP clients: to cancel a request, and to go on with a stream that runs elsewhere.

use std::{sync::Arc, time::Duration};

use alkhub_core::protocol;
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    ended::Ended,
    running::{Name, Runs},
    session::Nonce,
    streams::{Mark, Streams},
};
use crate::bus::{self, Bus, Heard, Reach, Subscription};

/// Topic on which all processes hear.
const ASKED: &str = "hub.mcp";
/// How long a stream is passed on before it must be asked for again; whoever has gone does not ask.
const LEASE: Duration = Duration::from_secs(15);
/// When it is asked for again.
const RENEW: Duration = Duration::from_secs(8);
/// Streams that are passed on at once; further ones are not answered.
const MOST: usize = 256;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Asked {
    Cancel { key: String, session: Nonce, id: String },
    End { key: String, session: Nonce },
    Resume { key: String, session: Nonce, mark: String, reply: Uuid },
}

#[derive(Serialize, Deserialize)]
struct Passed {
    /// Its number; absent at the end.
    count: Option<usize>,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Envelope<T> {
    payload: T,
}

/// This process among the others. Cheap to clone.
#[derive(Clone)]
pub(super) struct Relay {
    bus: Arc<dyn Bus>,
    runs: Runs,
    streams: Streams,
    ended: Ended,
}

impl Relay {
    /// Begins to hear the others, in a task that ends with `stop`.
    pub(super) async fn start(
        bus: Arc<dyn Bus>,
        runs: Runs,
        streams: Streams,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let relay = Self { bus, runs, streams, ended: Ended::default() };
        if relay.bus.reach() != Reach::Local {
            let heard = relay.bus.subscribe(&bus::topic(ASKED, "")).await;
            let hearing = relay.clone().hear(heard, stop.clone());
            tasks.spawn(stop.clone().run_until_cancelled_owned(hearing));
        }
        relay
    }

    /// Cancels a request, wherever it runs.
    pub(super) async fn cancel(&self, name: Name) {
        if !self.runs.cancel(&name) {
            self.ask(&Asked::Cancel { key: name.key, session: name.session, id: name.id }).await;
        }
    }

    /// Ends a session in all processes: what runs of it is cancelled, and nothing is served of it any more.
    pub(super) async fn end(&self, key: &str, session: Nonce) {
        self.ended.enter(session);
        self.runs.end(key, &session);
        self.ask(&Asked::End { key: key.to_owned(), session }).await;
    }

    /// The sessions that were ended.
    pub(super) fn ended(&self) -> &Ended {
        &self.ended
    }

    /// A stream after a mark, from the process where it runs; nothing where there is none.
    pub(super) async fn resume(
        &self,
        key: &str,
        session: Nonce,
        mark: Mark,
    ) -> stream::BoxStream<'static, (Mark, Arc<str>)> {
        if mark.node == self.streams.node() {
            let Some(kept) = self.streams.find(mark.stream, key, &session) else {
                return stream::empty().boxed();
            };
            let events = self.streams.reader(kept).after(mark.count);
            return events.map(move |(count, text)| (Mark { count, ..mark.clone() }, text)).boxed();
        }
        if self.bus.reach() == Reach::Local {
            return stream::empty().boxed();
        }
        let reply = Uuid::new_v4();
        let heard = self.bus.subscribe(&bus::topic(ASKED, &reply.to_string())).await;
        let state = Remote {
            relay: self.clone(),
            key: key.to_owned(),
            session,
            mark,
            reply,
            heard,
            asked: None,
            silent: 0,
        };
        stream::unfold(state, Remote::next).boxed()
    }

    async fn ask(&self, asked: &Asked) {
        if self.bus.reach() == Reach::Local {
            return;
        }
        if let Ok(payload) = serde_json::to_vec(asked) {
            let message = protocol::event(ASKED, "", &payload);
            if let Err(error) = self.bus.publish(&bus::topic(ASKED, ""), message).await {
                tracing::debug!(cause = error.cause, "another process could not be asked for an MCP client");
            }
        }
    }

    async fn hear(self, mut heard: Subscription, stop: CancellationToken) {
        let places = Arc::new(tokio::sync::Semaphore::new(MOST));
        while let Some(heard) = heard.next().await {
            let Heard::Message(message) = heard else { continue };
            match serde_json::from_slice::<Envelope<Asked>>(&message).map(|envelope| envelope.payload) {
                Ok(Asked::Cancel { key, session, id }) => {
                    self.runs.cancel(&Name { key, session, id });
                }
                Ok(Asked::End { key, session }) => {
                    self.ended.enter(session);
                    self.runs.end(&key, &session);
                }
                Ok(Asked::Resume { key, session, mark, reply }) => {
                    let Some(mark) = Mark::parse(&mark).filter(|mark| mark.node == self.streams.node())
                    else {
                        continue;
                    };
                    let Ok(place) = places.clone().try_acquire_owned() else { continue };
                    let (relay, stop) = (self.clone(), stop.clone());
                    tokio::spawn(stop.run_until_cancelled_owned(async move {
                        relay.pass(&key, session, mark, reply).await;
                        drop(place);
                    }));
                }
                Err(error) => {
                    tracing::warn!(%error, "a message on the bus for MCP clients cannot be read, and was left")
                }
            }
        }
    }

    /// Passes a stream on until it ends or the lease does.
    async fn pass(&self, key: &str, session: Nonce, mark: Mark, reply: Uuid) {
        let until = Instant::now() + LEASE;
        let topic = bus::topic(ASKED, &reply.to_string());
        let say = async |passed: Passed| {
            let payload = serde_json::to_vec(&passed).unwrap_or_default();
            self.bus.publish(&topic, protocol::event(ASKED, "", &payload)).await.is_ok()
        };
        if let Some(kept) = self.streams.find(mark.stream, key, &session) {
            // A sign of life: what the client has already.
            say(Passed { count: Some(mark.count), text: String::new() }).await;
            let mut events = Box::pin(self.streams.reader(kept).after(mark.count));
            loop {
                match timeout_at(until, events.next()).await {
                    Err(_) => return,
                    Ok(None) => break,
                    Ok(Some((count, text))) => {
                        if !say(Passed { count: Some(count), text: text.to_string() }).await {
                            return;
                        }
                    }
                }
            }
        }
        say(Passed { count: None, text: String::new() }).await;
    }
}

/// A stream that runs in another process.
struct Remote {
    relay: Relay,
    key: String,
    session: Nonce,
    mark: Mark,
    reply: Uuid,
    heard: Subscription,
    asked: Option<Instant>,
    /// How often it was asked for without a sign of life since.
    silent: u8,
}

impl Remote {
    async fn next(mut self) -> Option<((Mark, Arc<str>), Self)> {
        loop {
            let renew = match self.asked {
                Some(at) if at.elapsed() < RENEW => at + RENEW,
                _ if self.silent >= 2 => return None,
                _ => {
                    self.silent += 1;
                    let mark = self.mark.to_string();
                    let (key, session, reply) = (self.key.clone(), self.session, self.reply);
                    self.relay.ask(&Asked::Resume { key, session, mark, reply }).await;
                    self.asked = Some(Instant::now());
                    continue;
                }
            };
            let Ok(heard) = timeout_at(renew, self.heard.next()).await else { continue };
            // After a gap the client has to come again, after what it has.
            let Heard::Message(message) = heard? else { return None };
            let passed = serde_json::from_slice::<Envelope<Passed>>(&message).ok()?.payload;
            let count = passed.count?;
            self.silent = 0;
            // Of two leases that overlap.
            if count == self.mark.count + 1 {
                self.mark.count = count;
                return Some(((self.mark.clone(), passed.text.into()), self));
            }
        }
    }
}

/// One event as the body of an answer has it.
pub(super) fn frames(
    events: impl Stream<Item = (Mark, Arc<str>)> + Send + 'static,
) -> impl Stream<Item = bytes::Bytes> + Send + 'static {
    events.map(|(mark, text)| format!("id: {mark}\ndata: {text}\n\n").into())
}
