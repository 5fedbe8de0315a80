//! Equal descriptions of operations are kept once, however many spokes offer them.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use alkhub_core::registry::{Registered, SpecLimits};
use sha2::{Digest, Sha256};

/// Descriptions by the hash of their text.
#[derive(Default)]
pub(super) struct Interned {
    known: HashMap<[u8; 32], Weak<Registered>>,
    /// Size at which those that nobody offers any more are looked for.
    tidy_at: usize,
}

impl Interned {
    /// The description of this text.
    pub(super) fn read(&mut self, text: &str, limits: SpecLimits) -> Result<Arc<Registered>, String> {
        let hash: [u8; 32] = Sha256::digest(text).into();
        if let Some(known) = self.known.get(&hash).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let read = Arc::new(Registered::read(text, limits)?);
        self.known.insert(hash, Arc::downgrade(&read));
        Ok(read)
    }

    /// Forgets what nobody offers any more, now and then.
    pub(super) fn tidy(&mut self) {
        if self.known.len() > self.tidy_at {
            self.known.retain(|_, known| known.strong_count() > 0);
            self.tidy_at = 64 + self.known.len() * 2;
        }
    }
}
