//! All open connections of the call protocol: how many there may be, and how they end with the hub.

use std::{sync::Arc, time::Duration};

use alkhub_core::{Peer, peer::Limits};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::storage::events::Event;

/// How long connections may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(3);

/// Open connections. Cheap to clone.
#[derive(Clone)]
pub struct Sockets {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) limits: ArcSwap<Limits>,
    pub(super) places: Arc<Semaphore>,
    pub(super) tasks: TaskTracker,
    /// Cancelled when connections are to be gone at once.
    pub(super) closing: CancellationToken,
    peers: Mutex<std::collections::HashMap<u64, Peer>>,
}

impl Sockets {
    /// None open yet, and room for so many.
    #[must_use]
    pub fn new(limits: Limits, most: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                limits: ArcSwap::from_pointee(limits),
                places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
                tasks: TaskTracker::new(),
                closing: CancellationToken::new(),
                peers: Mutex::default(),
            }),
        }
    }

    /// Other bounds, for connections that come.
    pub fn set_limits(&self, limits: Limits) {
        self.inner.limits.store(Arc::new(limits));
    }

    pub(super) fn add(&self, peer: &Peer) {
        self.inner.peers.lock().insert(peer.number(), peer.clone());
    }

    pub(super) fn remove(&self, peer: &Peer) {
        self.inner.peers.lock().remove(&peer.number());
    }

    fn all(&self) -> Vec<Peer> {
        self.inner.peers.lock().values().cloned().collect()
    }

    /// Sends an event to every connection that has subscribed to its topic and may hear it.
    pub fn publish(&self, kind: &str, id: &str, payload: &[u8]) {
        for peer in self.all() {
            peer.publish(kind, id, payload);
        }
    }

    /// The same for an event of the log.
    pub fn tell(&self, event: &Event) {
        // Most hubs have connections, and few of those listen; still, printing is for somebody.
        if !self.is_empty() {
            self.publish(&event.kind, &event.key, event.payload.to_string().as_bytes());
        }
    }

    /// Asks of every connection at once whether its key still works.
    pub fn recheck(&self) {
        self.all().iter().for_each(Peer::recheck);
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.peers.lock().len()
    }

    /// None is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// New requests are refused; those that run may finish.
    pub fn refuse_new(&self) {
        self.all().iter().for_each(Peer::refuse_new);
    }

    /// Ends all connections: at once, or as soon as what they asked for is done within `grace`. Whether it was.
    pub async fn close(&self, grace: Duration) -> bool {
        let idle = async {
            while self.all().iter().any(|peer| peer.serving() > 0) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let finished = timeout(grace, idle).await.is_ok();
        self.inner.places.close();
        for peer in self.all() {
            // 1001: going away (RFC 6455 section 7.4.1).
            peer.close(1001, "the hub is stopping; connect again");
        }
        self.inner.tasks.close();
        if timeout(FAREWELL, self.inner.tasks.wait()).await.is_err() {
            self.inner.closing.cancel();
            let _ = timeout(FAREWELL, self.inner.tasks.wait()).await;
        }
        finished
    }
}
