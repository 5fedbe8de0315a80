//! The calls that run in this process, by their ids.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

use alkhub_core::{Call, Lineage, call::WeakCall, identity::Caller};
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

/// How long a call that was cut off is remembered: an abort that goes round the processes may find it ended already, by
/// the end of the one above it.
const LATELY: Duration = Duration::from_secs(5);
/// Most that are remembered.
const MOST_LATELY: usize = 16 * 1024;

/// A call that was cut off.
#[derive(Clone)]
pub(super) struct Cut {
    at: Instant,
    pub(super) id: Uuid,
    pub(super) lineage: Arc<Lineage>,
    /// Not the entry: what has gone from the registry would live on, with its connection.
    pub(super) operation: Box<str>,
    pub(super) caller: Caller,
}

/// The running calls.
#[derive(Default)]
pub(super) struct Live {
    parts: [Part; PARTS],
    lately: Mutex<VecDeque<Cut>>,
}

impl Live {
    fn part(&self, id: Uuid) -> &Part {
        &self.parts[usize::from(id.as_bytes()[15]) % PARTS]
    }

    pub(super) fn add(&self, call: &Call) {
        let id = call.request_id();
        self.part(id).lock().insert(id, call.downgrade());
    }

    /// A call was cut off.
    pub(super) fn cut(&self, call: &Call) {
        let (now, id) = (Instant::now(), call.request_id());
        let (lineage, caller) = (call.lineage().clone(), call.caller().clone());
        let operation = call.entry().id().into();
        let mut lately = self.lately.lock();
        while lately.front().is_some_and(|cut| now - cut.at > LATELY) || lately.len() >= MOST_LATELY {
            lately.pop_front();
        }
        lately.push_back(Cut { at: now, id, lineage, operation, caller });
    }

    /// Calls that were cut off of late.
    pub(super) fn lately(&self, within: impl Fn(&Cut) -> bool) -> Vec<Cut> {
        let now = Instant::now();
        let lately = self.lately.lock();
        lately.iter().filter(|cut| now - cut.at <= LATELY && within(cut)).cloned().collect()
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
