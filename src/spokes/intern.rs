//! Equal descriptions of operations are kept once, however many spokes offer them.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use alkhub_core::registry::{Registered, SpecLimits};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Descriptions by the hash of their text.
#[derive(Default)]
pub(super) struct Interned {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<[u8; 32], Weak<Registered>>,
    /// Size at which those that nobody offers any more are looked for.
    tidy_at: usize,
}

impl Interned {
    /// The description of this text. Compiling one that is new takes a while, during which nobody else waits.
    pub(super) fn read(&self, text: &str, limits: SpecLimits) -> Result<Arc<Registered>, String> {
        let hash: [u8; 32] = Sha256::digest(text).into();
        let known = |state: &State| state.known.get(&hash).and_then(Weak::upgrade);
        if let Some(known) = known(&self.state.lock()) {
            return Ok(known);
        }
        let read = Arc::new(Registered::read(text, limits)?);
        let mut state = self.state.lock();
        // Somebody else may have been faster.
        if let Some(known) = known(&state) {
            return Ok(known);
        }
        state.known.insert(hash, Arc::downgrade(&read));
        Ok(read)
    }

    /// Forgets what nobody offers any more, now and then.
    pub(super) fn tidy(&self) {
        let mut state = self.state.lock();
        if state.known.len() > state.tidy_at {
            state.known.retain(|_, known| known.strong_count() > 0);
            state.tidy_at = 64 + state.known.len() * 2;
        }
    }
}
