//! Connections between the processes of a hub: the call protocol over the bus. Each process hears a topic of its own;
//! whoever wants something of it opens a link there. A link numbers its messages: where one is missing, it is over, and
//! with it everything that waits. A process that does not answer is given up after two heartbeats, as any other peer.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alkhub_core::{
    CallError, Engine, Identity, Peer,
    error::codes,
    identity::Caller,
    peer::{self, Limits, Service},
    protocol,
};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{SinkExt, StreamExt, channel::mpsc};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::{task::coop, time::sleep};
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    bus::{self, Bus, Heard, LARGEST, Reach, Subscription},
    spokes::DISCONNECTED,
};

/// Type of the topic of a process.
const TOPIC: &str = "hub.node";
/// Frames that wait to be published by one link.
const WAITING: usize = 256;
/// What a frame that waits to be read counts for beside its text.
const FRAME: usize = 64;
/// Frames in a message.
const BATCH: usize = 64;
/// Room in a message for what stands around its frames.
const AROUND: usize = 4096;
/// Links of a process.
const MOST: usize = 4096;
/// How often to look whether all is done that a process that stops waits for.
const LOOK: Duration = Duration::from_millis(10);

/// A message of a link.
#[derive(Deserialize, Serialize)]
struct Said<'a> {
    from: &'a str,
    link: Uuid,
    /// By the process that opened the link.
    opener: bool,
    number: u64,
    /// The link is over.
    #[serde(default)]
    end: bool,
    /// A sign of life is asked for.
    #[serde(default)]
    ping: bool,
    #[serde(borrow, default)]
    frames: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: Said<'a>,
}

struct Line {
    peer: Peer,
    node: Arc<str>,
    ours: bool,
    /// What is read; its bytes are bounded as those of any peer that is too slow, so that it need not wait.
    read: mpsc::UnboundedSender<Frame>,
    unread: Arc<AtomicUsize>,
    /// What is sent.
    sent: mpsc::Sender<Frame>,
    /// Number of the next message.
    next: u64,
}

impl Line {
    /// Gives a frame to the reader; whether it fits.
    fn push(&self, frame: Frame, most: usize) -> bool {
        let size = frame.len() + FRAME;
        let unread = self.unread.fetch_add(size, Ordering::Relaxed);
        // The first one always: it may be as large as a message may be.
        (unread == 0 || unread + size <= most) && self.read.unbounded_send(frame).is_ok()
    }
}

/// The links of this process. Cheap to clone.
#[derive(Clone)]
pub struct Links {
    inner: Arc<Inner>,
}

struct Inner {
    node_id: Arc<str>,
    bus: Arc<dyn Bus>,
    limits: ArcSwap<Limits>,
    engine: OnceLock<Engine>,
    lines: Mutex<HashMap<Uuid, Line>>,
    /// This process stops: nothing new is begun for others.
    refusing: AtomicBool,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What stands behind a link.
struct Neighbour(Engine);

#[async_trait]
impl Service for Neighbour {
    fn engine(&self) -> &Engine {
        &self.0
    }

    /// The other process has verified whom it speaks for; the bus is within the hub.
    async fn identify(&self, _peer: &Peer, claimed: Option<Identity>) -> Result<Caller, CallError> {
        Ok(claimed.map(Arc::new))
    }

    fn is_same_hub(&self) -> bool {
        true
    }
}

impl Links {
    /// No links yet. Its tasks run until `stop` is cancelled.
    #[must_use]
    pub fn new(
        node_id: &str,
        bus: Arc<dyn Bus>,
        limits: Limits,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let inner = Inner {
            node_id: node_id.into(),
            bus,
            limits: ArcSwap::from_pointee(of_links(limits)),
            engine: OnceLock::new(),
            lines: Mutex::default(),
            refusing: AtomicBool::new(false),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Other bounds, for links that are opened from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.inner.limits.store(Arc::new(of_links(limits)));
    }

    /// Id of this process.
    #[must_use]
    pub fn node_id(&self) -> Arc<str> {
        self.inner.node_id.clone()
    }

    /// Begins to hear other processes, and to serve them with this engine.
    pub async fn serve(&self, engine: &Engine) {
        let _ = self.inner.engine.set(engine.clone());
        let heard = self.inner.bus.subscribe(&bus::topic(TOPIC, &self.inner.node_id)).await;
        let stop = self.inner.stop.clone();
        self.inner.tasks.spawn(stop.run_until_cancelled_owned(self.clone().hear(heard)));
    }

    /// The link to a process.
    ///
    /// # Errors
    /// UNAVAILABLE, at once, where the bus is away.
    pub fn to(&self, node: &Arc<str>) -> Result<Peer, CallError> {
        if self.inner.bus.reach() != Reach::Reachable {
            return Err(away());
        }
        let mut lines = self.inner.lines.lock();
        let usable = |line: &&Line| line.ours && line.node == *node && !line.peer.closed().is_cancelled();
        if let Some(known) = lines.values().find(usable) {
            return Ok(known.peer.clone());
        }
        self.open(&mut lines, Uuid::new_v4(), node.clone(), true).ok_or_else(away)
    }

    /// Ends the links to processes that are gone.
    pub fn part<'a>(&self, gone: impl Iterator<Item = &'a String> + Clone) {
        self.inner.lines.lock().retain(|_, line| !gone.clone().any(|node| **node == *line.node));
    }

    /// From now on what other processes ask for is answered with UNAVAILABLE; what runs for them goes on.
    pub fn refuse_new(&self) {
        self.inner.refusing.store(true, Ordering::Release);
        self.inner.lines.lock().values().for_each(|line| line.peer.refuse_new());
    }

    /// Ends when no call of another process runs here. Subscriptions do not count: they begin anew elsewhere.
    pub async fn idle(&self) {
        while self.inner.lines.lock().values().any(|line| line.peer.answering() > 0) {
            sleep(LOOK).await;
        }
    }

    /// Ends all links, after what waits to be sent.
    pub async fn close(&self) {
        self.inner.lines.lock().values().for_each(|line| line.peer.close(1001, "the process stops"));
        while !self.inner.lines.lock().is_empty() {
            sleep(LOOK).await;
        }
    }

    fn open(&self, lines: &mut HashMap<Uuid, Line>, link: Uuid, node: Arc<str>, ours: bool) -> Option<Peer> {
        let engine = self.inner.engine.get().filter(|_| lines.len() < MOST)?;
        let peer = Peer::new(Arc::new(Neighbour(engine.clone())), Limits::clone(&self.inner.limits.load()));
        peer.name_end(DISCONNECTED);
        if self.inner.refusing.load(Ordering::Acquire) {
            peer.refuse_new();
        }
        let (read, reading) = mpsc::unbounded::<Frame>();
        let (sent, sending) = mpsc::channel(WAITING);
        let unread = Arc::new(AtomicUsize::new(0));
        let line = Line {
            peer: peer.clone(),
            node: node.clone(),
            ours,
            read,
            unread: unread.clone(),
            sent: sent.clone(),
            next: 0,
        };
        lines.insert(link, line);
        let reading = reading.map(move |frame| {
            unread.fetch_sub(frame.len() + FRAME, Ordering::Relaxed);
            Ok(frame)
        });
        let publishing = self.clone().publish(sending, link, node, ours);
        let stop = self.inner.stop.clone();
        self.inner.tasks.spawn(stop.clone().run_until_cancelled_owned(publishing));
        let (links, driven) = (self.clone(), peer.clone());
        let sink = sent.sink_map_err(|_| Error::ConnectionClosed);
        self.inner.tasks.spawn(async move {
            let number = driven.number();
            let end = stop.run_until_cancelled(Box::pin(peer::drive(driven, sink, reading))).await;
            links.inner.lines.lock().remove(&link);
            tracing::debug!(peer = number, ?end, "a link between processes is over");
        });
        Some(peer)
    }

    /// Publishes what a link sends, as few messages as possible, and that it is over.
    async fn publish(self, mut sending: mpsc::Receiver<Frame>, link: Uuid, node: Arc<str>, ours: bool) {
        let (mut number, most) = (0, self.inner.limits.load().frame_bytes);
        let mut next = sending.next().await;
        let mut over = false;
        while let Some(frame) = next.take() {
            let (mut texts, mut ping, mut bytes, mut waiting) = (Vec::new(), false, 0, Some(frame));
            while let Some(frame) = waiting.take() {
                match frame {
                    Frame::Text(text) if bytes > 0 && bytes + text.len() > most => {
                        next = Some(Frame::Text(text));
                        break;
                    }
                    Frame::Text(text) => {
                        bytes += text.len() + 1;
                        texts.push(text);
                    }
                    Frame::Ping(_) => ping = true,
                    Frame::Close(_) => {
                        over = true;
                        break;
                    }
                    // An empty message says that this end lives.
                    _ => {}
                }
                if texts.len() < BATCH {
                    waiting = sending.try_recv().ok();
                }
            }
            let frames = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
            let said =
                Said { from: &self.inner.node_id, link, opener: ours, number, end: false, ping, frames };
            if self.say(&node, &said).await.is_err() {
                // At once, and not when something else is to be sent: what waits would wait for nothing.
                self.inner.lines.lock().remove(&link);
                return;
            }
            number += 1;
            if over {
                break;
            }
            if next.is_none() {
                next = sending.next().await;
            }
        }
        self.end(&node, link, ours).await;
        self.inner.lines.lock().remove(&link);
    }

    async fn say(&self, node: &str, said: &Said<'_>) -> Result<(), CallError> {
        let payload = serde_json::to_vec(said).map_err(|error| CallError::internal(&error))?;
        let message = protocol::event(TOPIC, node, &payload);
        self.inner.bus.publish(&bus::topic(TOPIC, node), message).await
    }

    async fn end(&self, node: &str, link: Uuid, ours: bool) {
        let from = &*self.inner.node_id;
        let said = Said { from, link, opener: ours, number: 0, end: true, ping: false, frames: Vec::new() };
        // Away: the other end finds out by itself.
        let _ = self.say(node, &said).await;
    }

    async fn hear(self, mut heard: Subscription) {
        while let Some(heard) = heard.next().await {
            // Messages that are there already would let nobody else run, the readers of links among them.
            coop::consume_budget().await;
            match heard {
                Heard::Message(message) => {
                    let unknown = match serde_json::from_slice::<Envelope<'_>>(&message) {
                        Ok(Envelope { payload }) => self.take(&payload),
                        Err(error) => {
                            tracing::warn!(%error, "a message on the bus is none of a process, and was left");
                            None
                        }
                    };
                    if let Some((node, link, opener)) = unknown {
                        self.end(&node, link, !opener).await;
                    }
                }
                // Whichever link has missed something cannot be told.
                Heard::Gap => self.inner.lines.lock().clear(),
            }
        }
    }

    /// One message; a link that is over, or never was, is to be ended there too.
    fn take(&self, said: &Said<'_>) -> Option<(Arc<str>, Uuid, bool)> {
        let mut lines = self.inner.lines.lock();
        if said.end {
            lines.remove(&said.link);
            return None;
        }
        let node: Arc<str> = said.from.into();
        let over = Some((node.clone(), said.link, said.opener));
        if !lines.contains_key(&said.link) {
            if !said.opener || said.number != 0 {
                return over;
            }
            if self.open(&mut lines, said.link, node, false).is_none() {
                return over;
            }
        }
        let Some(line) = lines.get_mut(&said.link) else { return over };
        let mut fits = said.number == line.next && *line.node == *said.from && line.ours != said.opener;
        line.next += 1;
        let most = self.inner.limits.load().buffer_hard;
        for frame in &said.frames {
            fits = fits && line.push(Frame::text(frame.get()), most);
        }
        if said.frames.is_empty() {
            fits = fits && line.push(Frame::Pong(Bytes::new()), most);
        }
        if said.ping {
            let _ = line.sent.try_send(Frame::Pong(Bytes::new()));
        }
        if fits {
            return None;
        }
        lines.remove(&said.link);
        over
    }
}

/// A message of the bus holds a frame, and calls of many connections share a link.
fn of_links(limits: Limits) -> Limits {
    Limits {
        frame_bytes: limits.frame_bytes.min(LARGEST - AROUND),
        served: limits.pending.max(limits.served),
        ..limits
    }
}

/// Why a call to a spoke of another process cannot even be tried.
fn away() -> CallError {
    let mut error = CallError::new(
        codes::UNAVAILABLE,
        "The spoke is connected to another process of the hub, which cannot be reached at the moment; try again.",
    );
    error.retry_after = Some(1);
    error
}
