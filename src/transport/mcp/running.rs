//! Requests that run and can be cancelled by their id, by session.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::session::Nonce;

/// Who made a request, and under which id: of the key, of the session, and the request's own as JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) key: String,
    pub(super) session: Nonce,
    pub(super) id: String,
}

/// Those of this process. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Runs {
    inner: Arc<Mutex<HashMap<Name, CancellationToken>>>,
}

/// A place among them, until it is dropped.
pub(super) struct Running {
    runs: Runs,
    name: Name,
}

impl Runs {
    /// Notes a request; `None` where another of this name runs.
    pub(super) fn enter(&self, name: Name, cancel: CancellationToken) -> Option<Running> {
        use std::collections::hash_map::Entry;
        match self.inner.lock().entry(name.clone()) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(place) => place.insert(cancel),
        };
        Some(Running { runs: self.clone(), name })
    }

    /// Cancels a request; whether it runs here.
    pub(super) fn cancel(&self, name: &Name) -> bool {
        let found = self.inner.lock().get(name).cloned();
        found.inspect(CancellationToken::cancel).is_some()
    }

    /// Cancels all of a session.
    pub(super) fn end(&self, key: &str, session: &Nonce) {
        let held = self.inner.lock();
        let of_it = held.iter().filter(|(name, _)| name.key == key && name.session == *session);
        let found: Vec<_> = of_it.map(|(_, cancel)| cancel.clone()).collect();
        drop(held);
        found.iter().for_each(CancellationToken::cancel);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.runs.inner.lock().remove(&self.name);
    }
}
