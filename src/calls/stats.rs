//! Counts and times of calls by operation.

use std::collections::HashMap;

use crate::storage::calls::{Sample, Status};

/// Most codes that are told of one operation.
const CODES: usize = 10;

/// How the calls of an operation fared. Times are microseconds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The operation.
    pub operation: String,
    /// All calls.
    pub calls: usize,
    /// Those that have not ended.
    pub running: usize,
    /// Those that ended with an error.
    pub failed: usize,
    /// Those that were cut off.
    pub aborted: usize,
    /// Codes and how often they came, the most frequent first.
    pub errors: Vec<(String, usize)>,
    /// Sorted.
    times: Vec<i64>,
}

impl Stats {
    /// The time that this share of the ended calls stays within.
    #[must_use]
    pub fn within(&self, hundredths: usize) -> i64 {
        let place = (self.times.len() * hundredths).div_ceil(100).saturating_sub(1);
        self.times.get(place).copied().unwrap_or(0)
    }
}

/// Statistics of each operation among these calls.
#[must_use]
pub fn stats(samples: Vec<Sample>) -> Vec<Stats> {
    let mut all: HashMap<String, (Stats, HashMap<String, usize>)> = HashMap::new();
    for Sample { operation, status, duration_us, error_code } in samples {
        let (stats, errors) = all.entry(operation).or_default();
        stats.calls += 1;
        match Status::of(&status) {
            Some(Status::Failed) => stats.failed += 1,
            Some(Status::Aborted) => stats.aborted += 1,
            Some(Status::Completed) => {}
            Some(Status::Pending | Status::Running) | None => stats.running += 1,
        }
        stats.times.extend(duration_us);
        if let Some(code) = error_code {
            *errors.entry(code).or_default() += 1;
        }
    }
    let finish = |(operation, (mut stats, errors)): (String, (Stats, HashMap<String, usize>))| {
        stats.operation = operation;
        stats.times.sort_unstable();
        stats.errors = errors.into_iter().collect();
        stats.errors.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        stats.errors.truncate(CODES);
        stats
    };
    all.into_iter().map(finish).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_failures_are_counted_by_operation() {
        let sample = |operation: &str, status: &str, duration: Option<i64>, code: Option<&str>| Sample {
            operation: operation.to_owned(),
            status: status.to_owned(),
            duration_us: duration,
            error_code: code.map(str::to_owned),
        };
        let mut samples: Vec<Sample> =
            (1..=100).map(|time| sample("a.b", "completed", Some(time), None)).collect();
        samples.push(sample("c.d", "failed", Some(7), Some("X")));
        samples.push(sample("c.d", "running", None, None));
        samples.push(sample("c.d", "aborted", Some(9), Some("ABORTED")));
        let mut all = stats(samples);
        all.sort_by(|one, other| one.operation.cmp(&other.operation));
        assert_eq!((all[0].within(50), all[0].within(95), all[0].within(100)), (50, 95, 100));
        let one = &all[1];
        assert_eq!((one.calls, one.running, one.failed, one.aborted), (3, 1, 1, 1));
        assert_eq!((one.within(50), one.within(99)), (7, 9));
        assert_eq!(one.errors, [("ABORTED".to_owned(), 1), ("X".to_owned(), 1)]);
        assert_eq!(Stats::default().within(99), 0);
    }
}
