//! The call graph as it is stored (ADR 0048). Rows are written whole: one that is written again says more than before,
//! and what has ended stays as it ended.

mod body;
mod list;
mod lost;
pub(super) mod packed;
mod stats;
mod sweep;
mod tree;
mod write;

use uuid::Uuid;

pub use body::{Body, Kept, bodies, body};
pub use list::{Filter, get, list, plan, several};
pub(super) use lost::lose;
pub use stats::{Sample, sample};
pub use sweep::{Keep, bound, sweep};
pub use tree::{changed, in_order, path, tree};
pub use write::put;

use super::entity::{call_bodies, calls};

/// A call.
pub type Row = calls::Model;
/// What a call was given and answered, packed.
pub type Stored = call_bodies::Model;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Known, and not let in yet.
    Pending,
    /// Served; a subscription is so until it has ended.
    Running,
    /// Ended with its output, or its last item.
    Completed,
    /// Ended with an error.
    Failed,
    /// Cut off.
    Aborted,
}

impl Status {
    /// The word for it, in the database and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }

    /// The status of this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Aborted];
        all.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether it stays so.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Aborted)
    }

    /// Whether a call may go from here to there.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => !matches!(next, Self::Pending),
            Self::Running => next.is_final(),
            Self::Completed | Self::Failed | Self::Aborted => false,
        }
    }
}

/// An id as it is stored.
#[must_use]
pub fn key(id: Uuid) -> Vec<u8> {
    id.into_bytes().to_vec()
}

/// An id that is stored; nil for bytes that are none.
#[must_use]
pub fn id(key: &[u8]) -> Uuid {
    Uuid::from_slice(key).unwrap_or_default()
}

/// The smallest id of calls that began at this moment, in milliseconds since the Unix epoch.
#[must_use]
pub fn first_of(moment: i64) -> Vec<u8> {
    let millis = u64::try_from(moment).unwrap_or(0).min((1 << 48) - 1);
    let mut key = (millis << 16).to_be_bytes().to_vec();
    key.extend_from_slice(&[0; 8]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_stays_so() {
        use Status::{Aborted, Completed, Failed, Pending, Running};
        for (from, to) in [(Pending, Running), (Pending, Aborted), (Pending, Failed), (Running, Completed)] {
            assert!(from.may_become(to), "{from:?} {to:?}");
        }
        for (from, to) in [
            (Running, Pending),
            (Running, Running),
            (Completed, Failed),
            (Aborted, Completed),
            (Failed, Aborted),
        ] {
            assert!(!from.may_become(to), "{from:?} {to:?}");
        }
        assert_eq!(Status::of("aborted"), Some(Aborted));
        assert_eq!(Status::of(""), None);
    }

    #[test]
    fn ids_are_moments() {
        let made = Uuid::now_v7();
        let (seconds, nanos) = made.get_timestamp().expect("of a moment").to_unix();
        let moment = i64::try_from(seconds * 1000 + u64::from(nanos) / 1_000_000).expect("a moment");
        assert!(first_of(moment) <= key(made) && key(made) < first_of(moment + 1));
        assert!(first_of(-1) < first_of(1));
    }
}
