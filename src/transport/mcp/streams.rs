//! Streamed answers that their clients may come back to: what was sent is kept, and where the client has gone the call
//! goes on for a while. Only calls of revisions with sessions, whose callers asked to hear of progress, are answered so.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::{Stream, stream};
use parking_lot::Mutex;
use rmcp::transport::streamable_http_server::session::{
    EventId, EventStore, EventStoreError, EventStream, ServerSseMessage,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::session::Nonce;

/// Most streams that are kept; the bytes in them have a bound of their own.
const MOST: usize = 4096;

/// Those of this process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Streams {
    inner: Arc<Inner>,
}

struct Inner {
    node: String,
    keep: Duration,
    most_bytes: usize,
    bytes: AtomicUsize,
    /// Oldest first.
    kept: Mutex<VecDeque<Arc<Kept>>>,
}

/// One stream.
pub(super) struct Kept {
    id: Uuid,
    key: String,
    session: Nonce,
    events: Mutex<Events>,
    /// How many events there are, and whether more may come.
    news: watch::Sender<(usize, bool)>,
    /// Connections that read it.
    readers: AtomicUsize,
    cancel: CancellationToken,
}

#[derive(Default)]
struct Events {
    texts: Vec<Arc<str>>,
    bytes: usize,
    ended: Option<Instant>,
    /// Taken away for want of room.
    gone: bool,
}

/// The place of an event: its process, its stream, and how many there are up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) node: String,
    pub(super) stream: Uuid,
    pub(super) count: usize,
}

impl Mark {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, '.');
        let (count, stream, node) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { node: node.to_owned(), stream: stream.parse().ok()?, count: count.parse().ok()? })
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.node, self.stream.simple(), self.count)
    }
}

impl Streams {
    pub(super) fn new(node: &str, keep: Duration, most_bytes: usize) -> Self {
        let (bytes, kept) = (AtomicUsize::new(0), Mutex::default());
        Self { inner: Arc::new(Inner { node: node.to_owned(), keep, most_bytes, bytes, kept }) }
    }

    pub(super) fn node(&self) -> &str {
        &self.inner.node
    }

    /// Keeps what rmcp will send of one answer.
    pub(super) fn open(&self, key: &str, session: Nonce, cancel: CancellationToken) -> Arc<Writer> {
        let kept = Arc::new(Kept {
            id: Uuid::new_v4(),
            key: key.to_owned(),
            session,
            events: Mutex::default(),
            news: watch::Sender::new((0, true)),
            readers: AtomicUsize::new(0),
            cancel,
        });
        self.tidy();
        self.inner.kept.lock().push_back(kept.clone());
        Arc::new(Writer { streams: self.clone(), kept })
    }

    /// A stream of whoever it belongs to.
    pub(super) fn find(&self, stream: Uuid, key: &str, session: &Nonce) -> Option<Arc<Kept>> {
        let kept = self.inner.kept.lock();
        kept.iter().find(|kept| kept.id == stream && kept.key == key && kept.session == *session).cloned()
    }

    /// Reads a stream on behalf of a connection. When the last one has left, the call goes on for a while.
    pub(super) fn reader(&self, kept: Arc<Kept>) -> Reader {
        kept.readers.fetch_add(1, Ordering::SeqCst);
        Reader { keep: self.inner.keep, kept }
    }

    /// Forgets what has ended long ago, and the oldest where there is too much.
    fn tidy(&self) {
        let mut kept = self.inner.kept.lock();
        let over = |kept: &VecDeque<_>| {
            kept.len() >= MOST || self.inner.bytes.load(Ordering::Relaxed) > self.inner.most_bytes
        };
        kept.retain(|stream: &Arc<Kept>| {
            let ended = stream.events.lock().ended;
            let old = ended.is_some_and(|at| at.elapsed() > self.inner.keep);
            if old {
                self.release(stream);
            }
            !old
        });
        while over(&kept) {
            let Some(at) = kept.iter().position(|stream| stream.events.lock().ended.is_some()) else { break };
            if let Some(stream) = kept.remove(at) {
                self.release(&stream);
            }
        }
        // All that is left runs: the oldest goes on, but nobody can come back to it.
        while over(&kept)
            && let Some(stream) = kept.pop_front()
        {
            self.release(&stream);
        }
    }

    fn release(&self, stream: &Kept) {
        let mut events = stream.events.lock();
        self.inner.bytes.fetch_sub(events.bytes, Ordering::Relaxed);
        events.bytes = 0;
        events.texts = Vec::new();
        events.gone = true;
    }
}

/// rmcp's side of a stream.
pub(super) struct Writer {
    streams: Streams,
    kept: Arc<Kept>,
}

impl Writer {
    pub(super) fn kept(&self) -> &Arc<Kept> {
        &self.kept
    }
}

#[async_trait]
impl EventStore for Writer {
    async fn store_event(&self, _stream: &str, event: &ServerSseMessage) -> Result<EventId, EventStoreError> {
        let text = match &event.message {
            Some(message) => serde_json::to_string(&**message)?,
            None => String::new(),
        };
        let count = {
            let mut events = self.kept.events.lock();
            if events.gone {
                let count = self.kept.news.borrow().0 + 1;
                self.kept.news.send_replace((count, true));
                count
            } else {
                events.bytes += text.len();
                self.streams.inner.bytes.fetch_add(text.len(), Ordering::Relaxed);
                events.texts.push(text.into());
                self.kept.news.send_replace((events.texts.len(), true));
                events.texts.len()
            }
        };
        if self.streams.inner.bytes.load(Ordering::Relaxed) > self.streams.inner.most_bytes {
            self.streams.tidy();
        }
        Ok(Mark { node: self.streams.inner.node.clone(), stream: self.kept.id, count }.to_string())
    }

    /// Those who come back are answered by [`Reader::after`].
    async fn replay_events_after(&self, _last: &str) -> Result<EventStream, EventStoreError> {
        Ok(Box::pin(stream::empty()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.kept.events.lock().ended = Some(Instant::now());
        self.kept.news.send_modify(|news| news.1 = false);
    }
}

/// One connection that reads a stream.
pub(super) struct Reader {
    keep: Duration,
    kept: Arc<Kept>,
}

impl Reader {
    /// The events after so many, each with its number and its text, as they come until the end.
    pub(super) fn after(self, count: usize) -> impl Stream<Item = (usize, Arc<str>)> + Send + 'static {
        let news = self.kept.news.subscribe();
        stream::unfold((self, news, count), |(reader, mut news, count)| async move {
            loop {
                let more = news.borrow_and_update().1;
                {
                    let events = reader.kept.events.lock();
                    if events.gone {
                        return None;
                    }
                    if let Some(text) = events.texts.get(count).cloned() {
                        drop(events);
                        return Some(((count + 1, text), (reader, news, count + 1)));
                    }
                }
                if !more || news.changed().await.is_err() {
                    return None;
                }
            }
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let kept = self.kept.clone();
        let left = kept.readers.fetch_sub(1, Ordering::SeqCst) == 1;
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !left || kept.events.lock().ended.is_some() {
            return;
        }
        let keep = self.keep;
        runtime.spawn(async move {
            let mut news = kept.news.subscribe();
            let ended = async { while news.borrow_and_update().1 && news.changed().await.is_ok() {} };
            if tokio::time::timeout(keep, ended).await.is_err() && kept.readers.load(Ordering::SeqCst) == 0 {
                kept.cancel.cancel();
            }
        });
    }
}
