//! Connected spokes: which there are, what they offer, and how a call finds its way to one.

mod capability;
mod elsewhere;
mod forward;
mod intern;
mod register;
mod spoke;

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alkhub_core::{Peer, Registry, registry::SpecLimits};
use arc_swap::ArcSwap;
use parking_lot::Mutex;

pub(crate) use register::patterns;
pub use register::{Offer, Refused, Registration, Welcome};
pub use spoke::{Place, Reported, Spoke};

use crate::{
    cluster::Homes,
    convert::signed,
    storage::{events::New, spoke_homes},
};

use self::{capability::Capability, intern::Interned};

/// Why calls end whose spoke is gone; also what their details say.
pub const DISCONNECTED: &str = "spoke_disconnected";

/// Bounds of what spokes may register.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Operations of one spoke.
    pub operations: usize,
    /// Bounds of each.
    pub spec: SpecLimits,
    /// What spokes are told to keep.
    pub heartbeat: Duration,
}

/// All connected spokes. Cheap to clone.
#[derive(Clone)]
pub struct Spokes {
    inner: Arc<Inner>,
}

/// Told of spokes that come and go, by the event that is to tell of it.
type Listener = Box<dyn Fn(New) + Send + Sync>;

struct Inner {
    limits: ArcSwap<Limits>,
    listener: OnceLock<Listener>,
    epoch: AtomicU64,
    /// Set where several processes work together.
    homes: OnceLock<Homes>,
    state: Mutex<State>,
    interned: Interned,
}

#[derive(Default)]
struct State {
    by_id: HashMap<Arc<str>, Arc<Spoke>>,
    /// By the number of their connection.
    by_peer: HashMap<u64, Arc<Spoke>>,
    /// By plain id, one for each differing description.
    capabilities: HashMap<String, Vec<Arc<Capability>>>,
}

impl Spokes {
    /// None connected yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        // Epochs grow over restarts too, without a place to keep them.
        let epoch = AtomicU64::new(alkhub_core::call::now_ms());
        Self {
            inner: Arc::new(Inner {
                limits: ArcSwap::from_pointee(limits),
                listener: OnceLock::new(),
                epoch,
                homes: OnceLock::new(),
                state: Mutex::default(),
                interned: Interned::default(),
            }),
        }
    }

    fn limits(&self) -> Limits {
        **self.inner.limits.load()
    }

    /// Other bounds, for whoever registers from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.inner.limits.store(Arc::new(limits));
    }

    /// The spoke of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Spoke>> {
        self.inner.state.lock().by_id.get(id).cloned()
    }

    /// The spoke that registered over this connection.
    #[must_use]
    pub fn of_peer(&self, peer: &Peer) -> Option<Arc<Spoke>> {
        self.inner.state.lock().by_peer.get(&peer.number()).cloned()
    }

    /// What spokes are told to keep.
    #[must_use]
    pub fn heartbeat(&self) -> Duration {
        self.limits().heartbeat
    }

    /// All of them, by id.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Spoke>> {
        let mut all: Vec<_> = self.inner.state.lock().by_id.values().cloned().collect();
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// How many are connected to this process.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.state.lock().by_peer.len()
    }

    /// None is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connection is over: what was registered over it is taken away.
    pub fn leave(&self, peer: &Peer, registry: &Registry) -> Option<Arc<Spoke>> {
        let mut state = self.inner.state.lock();
        let spoke = state.by_peer.remove(&peer.number())?;
        self.take_away(&mut state, &spoke, registry);
        drop(state);
        tracing::info!(spoke = &*spoke.id, peer = peer.number(), "spoke gone");
        self.released(&spoke);
        Some(spoke)
    }

    /// It has left: the other processes are to know, or where there are none, the log.
    fn released(&self, spoke: &Spoke) {
        match self.inner.homes.get() {
            Some(homes) => homes.release(spoke),
            None => self.tell(spoke_homes::DISCONNECTED, spoke),
        }
    }

    /// Sets who is told of spokes that come and go where there are no other processes; the first one stays.
    pub fn listen(&self, listener: impl Fn(New) + Send + Sync + 'static) {
        let _ = self.inner.listener.set(Box::new(listener));
    }

    fn tell(&self, kind: &str, spoke: &Spoke) {
        if let Some(listener) = self.inner.listener.get() {
            listener(spoke_homes::event(kind, &spoke.id, &spoke.kind, signed(spoke.epoch)));
        }
    }

    fn take_away(&self, state: &mut State, spoke: &Arc<Spoke>, registry: &Registry) {
        spoke.gone.store(true, Ordering::Release);
        if state.by_id.get(&spoke.id).is_some_and(|held| Arc::ptr_eq(held, spoke)) {
            state.by_id.remove(&spoke.id);
        }
        registry.exchange(&spoke.ids(), Vec::new());
        for operation in &spoke.operations {
            let plain = operation.plain_id();
            let Some(capabilities) = state.capabilities.get_mut(&plain) else { continue };
            capabilities.retain(|capability| capability.without(spoke));
            registry.share(&plain, capabilities.iter().map(|capability| capability.entry(&plain)).collect());
            if capabilities.is_empty() {
                state.capabilities.remove(&plain);
            }
        }
        self.inner.interned.tidy();
    }

    fn next_epoch(&self) -> u64 {
        self.inner.epoch.fetch_add(1, Ordering::Relaxed) + 1
    }
}
