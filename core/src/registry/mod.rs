//! Which operations exist, and what serves them.

mod entry;
mod registered;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::RwLock;
use tokio::sync::watch;

pub use entry::Entry;
pub use registered::{ErrorDefinition, Registered, SpecLimits};

use crate::{
    engine::handler::{ErasedHandler, Local, LocalStream},
    identity::Identity,
    operation::{Handle, Operation, Subscribe},
    spec::Descriptor,
};

/// Operations up to which a mistyped id is compared with all.
const MOST_COMPARED: usize = 2000;

/// All operations by id. Reads take no exclusive lock; [`Registry::generation`] changes whenever the set does.
#[derive(Default)]
pub struct Registry {
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
    /// Capabilities: what any spoke may serve, by plain id, one entry for each differing description.
    shared: RwLock<HashMap<String, Vec<Arc<Entry>>>>,
    /// Namespaces of imported services.
    claimed: RwLock<BTreeSet<String>>,
    generation: AtomicU64,
    changes: watch::Sender<()>,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers the handler of a query or mutation; replaces what had the same id.
    pub fn add_handler<O: Operation, H: Handle<O>>(&mut self, hub: &Arc<H>) {
        self.declare(O::DESCRIPTOR, Arc::new(Local::<O, H>::new(hub.clone())));
    }

    /// Registers the handler of a subscription; replaces what had the same id.
    pub fn add_subscriber<O: Operation, H: Subscribe<O>>(&mut self, hub: &Arc<H>) {
        self.declare(O::DESCRIPTOR, Arc::new(LocalStream::<O, H>::new(hub.clone())));
    }

    fn declare(&mut self, descriptor: &'static Descriptor, handler: Arc<dyn ErasedHandler>) {
        self.exchange(&[], vec![Entry::declared(descriptor, handler)]);
    }

    /// Puts something around the handler of a declared operation, which it may still call.
    pub fn wrap(&self, id: &str, around: impl FnOnce(Arc<dyn ErasedHandler>) -> Arc<dyn ErasedHandler>) {
        let Some(entry) = self.get(id) else { return };
        if let Some(descriptor) = entry.descriptor() {
            self.exchange(&[], vec![Entry::declared(descriptor, around(entry.handler.clone()))]);
        }
    }

    /// Takes out the operations of these ids and puts others in, as one change.
    pub fn exchange(&self, old: &[String], new: Vec<Entry>) {
        let mut entries = self.entries.write();
        for id in old {
            entries.remove(id);
        }
        for entry in new {
            entries.insert(entry.id().to_owned(), Arc::new(entry));
        }
        self.generation.fetch_add(1, Ordering::Release);
        drop(entries);
        self.changes.send_replace(());
    }

    /// Sets what serves a plain id that is nobody's own; none removes it.
    pub fn share(&self, plain_id: &str, entries: Vec<Arc<Entry>>) {
        let mut shared = self.shared.write();
        if entries.is_empty() {
            shared.remove(plain_id);
        } else {
            shared.insert(plain_id.to_owned(), entries);
        }
        drop(shared);
        self.changes.send_replace(());
    }

    /// Told whenever an operation comes or goes; several changes may be told of as one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Whether an operation of the hub itself has this namespace.
    #[must_use]
    pub fn has_own_namespace(&self, namespace: &str) -> bool {
        self.any_of(namespace, |entry| entry.operation().is_none())
    }

    /// The namespace is an imported service's from now on, or no longer, whether or not it serves anything.
    pub fn claim(&self, namespace: &str, claimed: bool) {
        let mut all = self.claimed.write();
        if claimed {
            all.insert(namespace.to_owned());
        } else {
            all.remove(namespace);
        }
    }

    /// Whether the namespace is no spoke's: the hub itself, an imported service or a file serves operations in it.
    #[must_use]
    pub fn is_no_spokes(&self, namespace: &str) -> bool {
        self.claimed.read().contains(namespace) || self.any_of(namespace, |entry| entry.spoke().is_none())
    }

    fn any_of(&self, namespace: &str, is_it: impl Fn(&Entry) -> bool) -> bool {
        let entries = self.entries.read();
        entries
            .range(format!("{namespace}.")..)
            .take_while(|(id, _)| id.starts_with(namespace) && id[namespace.len()..].starts_with('.'))
            .any(|(_, entry)| is_it(entry))
    }

    /// Changes whenever an operation comes or goes.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.read().len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.read().is_empty()
    }

    /// The entry of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Entry>> {
        self.entries.read().get(id).cloned()
    }

    /// The entry of this id, or what any spoke serves under it; of several, one that the caller may call.
    #[must_use]
    pub fn resolve(&self, id: &str, caller: Option<&Identity>) -> Option<Arc<Entry>> {
        self.get(id).or_else(|| {
            let shared = self.shared.read();
            let candidates = shared.get(id)?;
            candidates
                .iter()
                .find(|entry| entry.access().allows(caller))
                .or_else(|| candidates.first())
                .cloned()
        })
    }

    /// All entries, by id.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.entries.read().values().cloned().collect()
    }

    /// What this caller may call, by id, after `after`.
    #[must_use]
    pub fn visible(&self, caller: Option<&Identity>, after: Option<&str>) -> Vec<Arc<Entry>> {
        use std::ops::Bound;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries.read();
        entries
            .range::<str, _>((start, Bound::Unbounded))
            .map(|(_, entry)| entry)
            .filter(|entry| entry.access().allows(caller))
            .cloned()
            .collect()
    }

    /// The visible id that is nearest to a mistyped one.
    #[must_use]
    pub fn nearest(&self, id: &str, caller: Option<&Identity>) -> Option<String> {
        // Comparing with all takes a while where there are many, and a caller can ask often.
        if id.len() > 100 || self.len() > MOST_COMPARED {
            return None;
        }
        let best = self
            .visible(caller, None)
            .into_iter()
            .map(|entry| (strsim::damerau_levenshtein(id, entry.id()), entry))
            .min_by_key(|(distance, _)| *distance)?;
        (best.0 <= 1 + id.len() / 5).then(|| best.1.id().to_owned())
    }
}
