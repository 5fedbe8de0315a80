//! So many calls in such a time: how it is written, and when a call is let in.

use std::{fmt, time::Duration};

use globset::GlobMatcher;

use crate::{
    bus::Level,
    config::{duration_text, parse_duration},
};

/// So many calls in a window, at once or spread over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls; 0 is no limit.
    pub calls: u64,
    /// The time in which so many are let in; whole seconds.
    pub window: Duration,
}

/// Longest window; a longer one would outlast most processes.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Most calls in a window, so that the time of one is at least a few nanoseconds.
const MOST: u64 = 100_000_000;

impl Quota {
    /// No limit.
    pub const OFF: Self = Self { calls: 0, window: Duration::from_secs(1) };

    /// Reads `100/1s`, or `off`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() == "off" {
            return Some(Self::OFF);
        }
        let (calls, window) = text.split_once('/')?;
        let calls = calls.trim().replace('_', "").parse().ok().filter(|calls| (1..=MOST).contains(calls))?;
        let window = parse_duration(window)?;
        let whole = window.subsec_nanos() == 0 && !window.is_zero() && window <= LONGEST;
        whole.then_some(Self { calls, window })
    }

    /// Nothing is limited.
    #[must_use]
    pub fn is_off(self) -> bool {
        self.calls == 0
    }

    /// Takes one call from a bucket that will be full after so many nanoseconds.
    pub(super) fn take(self, empty: u64) -> Level {
        let after = empty + self.step();
        if after > self.nanos() { Level { empty, taken: false } } else { Level { empty: after, taken: true } }
    }

    /// Calls that would be let in now.
    pub(super) fn left(self, empty: u64) -> u64 {
        self.nanos().saturating_sub(empty) / self.step()
    }

    /// The window in nanoseconds.
    pub(super) fn nanos(self) -> u64 {
        u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The time in which one call comes back, in nanoseconds.
    pub(super) fn step(self) -> u64 {
        (self.nanos() / self.calls.max(1)).max(1)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_off() {
            return f.write_str("off");
        }
        write!(f, "{}/{}", self.calls, duration_text(self.window))
    }
}

/// A quota of the operations whose id has a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationQuota {
    pattern: String,
    quota: Quota,
}

impl OperationQuota {
    /// Reads `project.create=10/1m`; `*` stands for any characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pattern, quota) = text.split_once('=')?;
        let pattern = pattern.trim();
        let letters = |letter: char| letter.is_ascii_alphanumeric() || ".*-_".contains(letter);
        if pattern.is_empty() || !pattern.chars().all(letters) {
            return None;
        }
        let limit = Self { pattern: pattern.to_owned(), quota: Quota::parse(quota)? };
        limit.matcher().map(|_| limit)
    }

    /// The pattern as it is written, which is also the name of the limit.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The quota.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// The pattern as it is asked.
    #[must_use]
    pub fn matcher(&self) -> Option<GlobMatcher> {
        globset::Glob::new(&self.pattern).ok().map(|glob| glob.compile_matcher())
    }
}

impl fmt::Display for OperationQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.pattern, self.quota)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn what_can_be_read() {
        for (text, shown) in [("100/1s", "100/1s"), (" off ", "off"), ("6_000 / 2m", "6000/2m")] {
            assert_eq!(Quota::parse(text).map(|quota| quota.to_string()).as_deref(), Some(shown));
        }
        for wrong in ["", "100", "0/1s", "-1/1s", "1/0s", "1/500ms", "1/2d", "1/1x", "999999999/1s"] {
            assert_eq!(Quota::parse(wrong), None, "{wrong}");
        }
        assert_eq!(
            OperationQuota::parse("hub.*=1/1s").map(|limit| limit.to_string()).as_deref(),
            Some("hub.*=1/1s")
        );
        for wrong in ["hub.*", "=1/1s", "hub.{a=1/1s", "hub.info=x", "hub info=1/1s"] {
            assert_eq!(OperationQuota::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_bucket_empties_at_once_and_fills_evenly() {
        let quota = Quota::parse("4/8s").expect("a rate");
        let mut empty = 0;
        for left in (0..4).rev() {
            let level = quota.take(empty);
            assert!(level.taken);
            empty = level.empty;
            assert_eq!(quota.left(empty), left);
        }
        assert_eq!(quota.take(empty), Level { empty, taken: false });
        assert!(!quota.take(empty - 2 * SECOND + 1).taken);
        assert!(quota.take(empty - 2 * SECOND).taken);
        assert_eq!(quota.left(empty - 8 * SECOND), 4);
    }
}
