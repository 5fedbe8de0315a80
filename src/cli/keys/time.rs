//! Times that the hub takes.

use crate::config::parse_duration;
use crate::storage::time::{now_ms, rfc3339};

/// 9999-12-31, the last day that RFC 3339 can write.
const LATEST_MS: i64 = 253_402_214_400_000;

/// Reads `90d` as the moment that is 90 days from now.
pub(super) fn from_now(text: &str) -> Result<String, String> {
    let span = parse_duration(text).filter(|span| !span.is_zero());
    let span = span.ok_or_else(|| "expected a duration such as 12h or 90d".to_owned())?;
    let span = i64::try_from(span.as_millis()).ok();
    let at = span.and_then(|span| now_ms().checked_add(span)).filter(|at| *at < LATEST_MS);
    at.map(rfc3339).ok_or_else(|| "this is after the year 9999".to_owned())
}

#[cfg(test)]
mod tests {
    use super::from_now;

    #[test]
    fn only_moments_ahead_that_can_be_written() {
        assert!(from_now("0s").is_err() && from_now("x").is_err() && from_now("9999999d").is_err());
        assert!(from_now("1d").is_ok_and(|at| at.ends_with('Z')));
    }
}
