//! Times that the hub takes: RFC 3339 in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::parse_duration;

/// Reads `90d` as the moment that is 90 days from now.
pub(super) fn from_now(text: &str) -> Result<String, String> {
    let span = parse_duration(text).filter(|span| !span.is_zero());
    let span = span.ok_or_else(|| "expected a duration such as 12h or 90d".to_owned())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = now.as_secs().checked_add(span.as_secs()).filter(|at| *at < 253_402_300_800);
    at.map(rfc3339).ok_or_else(|| "this is after the year 9999".to_owned())
}

/// Seconds since 1970 as `2026-01-31T12:00:00Z`.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's civil_from_days, for days from 1970 on.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
        assert!(from_now("0s").is_err() && from_now("x").is_err() && from_now("9999999d").is_err());
        assert!(from_now("1d").is_ok());
    }
}
