//! Whether the clock can be right. Keys expire by it, and TLS certificates of others are judged by it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::finding::Finding;

const NAME: &str = "clock";
const MEND: &str = "let the machine keep its time: timedatectl set-ntp true";
/// 2026-01-01: no alkhub is older.
const EARLIEST: Duration = Duration::from_secs(1_767_225_600);
/// 2100-01-01.
const LATEST: Duration = Duration::from_secs(4_102_444_800);

pub(super) fn check(now: SystemTime) -> Finding {
    match now.duration_since(UNIX_EPOCH) {
        Ok(now) if now < EARLIEST => Finding::fail(NAME, "it is before the year 2026", MEND),
        Ok(now) if now >= LATEST => Finding::fail(NAME, "it is past the year 2100", MEND),
        Ok(_) => Finding::ok(NAME, "plausible"),
        Err(_) => Finding::fail(NAME, "it is before the year 1970", MEND),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;

    #[test]
    fn impossible_times_fail() {
        let grade = |seconds| check(UNIX_EPOCH + Duration::from_secs(seconds)).grade;
        assert_eq!([0, 1_767_225_599, 4_102_444_800].map(grade), [Grade::Fail; 3]);
        assert_eq!(grade(1_800_000_000), Grade::Ok);
    }
}
