//! What a peer does wrong is logged once a kind, however often it does it.

use std::sync::atomic::{AtomicU64, Ordering};

/// So many answers may come too late before it is worth a line.
const MANY: u64 = 100;

/// A kind of fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// A message that cannot be read.
    Malformed,
    /// An answer to nothing that was asked of this peer.
    Unasked,
    /// A request with the id of one that runs.
    Repeated,
    /// More of something than it may have.
    Excess,
}

/// Counters of faults.
#[derive(Debug, Default)]
pub(super) struct Faults([AtomicU64; 4]);

impl Faults {
    /// Counts, and logs the first of its kind.
    pub(super) fn note(&self, fault: Fault, peer: u64, what: &str) {
        let before = self.0[fault as usize].fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            tracing::warn!(peer, kind = ?fault, what, "a peer sent what cannot be used; further ones are counted only");
        }
    }

    /// Counts what is not worth a line, such as answers that came too late, up to where it is no accident any more.
    pub(super) fn count(&self, fault: Fault, peer: u64) {
        let before = self.0[fault as usize].fetch_add(1, Ordering::Relaxed);
        if before == MANY {
            tracing::warn!(peer, kind = ?fault, "a peer goes on answering what was not asked; further ones are counted only");
        }
    }

    /// How many there were of each kind.
    pub(super) fn summary(&self) -> String {
        let [malformed, unasked, repeated, excess] = &self.0;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        format!(
            "malformed {}, unasked {}, repeated {}, excess {}",
            of(malformed),
            of(unasked),
            of(repeated),
            of(excess)
        )
    }

    /// Whether there was any.
    pub(super) fn any(&self) -> bool {
        self.0.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }
}
