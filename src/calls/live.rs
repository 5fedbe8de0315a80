//! The calls that run in this process, by their ids.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use alkhub_core::{Call, call::WeakCall};
use parking_lot::Mutex;
use uuid::Uuid;

/// Parts with a lock each.
const PARTS: usize = 16;

/// Ids are random enough as they are.
#[derive(Default)]
struct Ids(u64);

impl Hasher for Ids {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // The length comes first, then the id, whose last half has the random bits.
        if let Some(last) = bytes.last_chunk() {
            self.0 = u64::from_le_bytes(*last).rotate_left(17);
        }
    }
}

type Part = Mutex<HashMap<Uuid, WeakCall, BuildHasherDefault<Ids>>>;

/// The running calls.
#[derive(Default)]
pub(super) struct Live {
    parts: [Part; PARTS],
}

impl Live {
    fn part(&self, id: Uuid) -> &Part {
        &self.parts[usize::from(id.as_bytes()[15]) % PARTS]
    }

    pub(super) fn add(&self, call: &Call) {
        let id = call.request_id();
        self.part(id).lock().insert(id, call.downgrade());
    }

    pub(super) fn remove(&self, id: Uuid) {
        self.part(id).lock().remove(&id);
    }

    pub(super) fn get(&self, id: Uuid) -> Option<Call> {
        let weak = self.part(id).lock().get(&id).cloned();
        weak?.upgrade()
    }

    /// Those that a look finds something in. Calls are let go outside of the locks: their end takes them.
    pub(super) fn find<T>(&self, mut look: impl FnMut(Call) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        for part in &self.parts {
            let calls: Vec<WeakCall> = part.lock().values().cloned().collect();
            found.extend(calls.iter().filter_map(WeakCall::upgrade).filter_map(&mut look));
        }
        found
    }
}
