//! Moments: milliseconds since the Unix epoch in the database, RFC 3339 in JSON.

use alkhub_core::{CallError, call};

/// Now.
#[must_use]
pub fn now_ms() -> i64 {
    i64::try_from(call::now_ms()).unwrap_or(i64::MAX)
}

/// `2026-01-02T03:04:05.678Z`. What lies outside the calendar is shown as its nearest end.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    /// The first moment of the years 0 and 9999.
    const CALENDAR: (i64, i64) = (-62_167_219_200_000, 253_370_764_800_000);
    let moment = jiff::Timestamp::from_millisecond(ms.clamp(CALENDAR.0, CALENDAR.1));
    moment.map_or_else(|_| String::new(), |moment| format!("{moment:.3}"))
}

/// Reads RFC 3339 with any offset.
///
/// # Errors
/// VALIDATION_ERROR at this pointer.
pub fn parse(pointer: &str, text: &str) -> Result<i64, CallError> {
    text.parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_millisecond)
        .map_err(|_| CallError::fault(pointer, "must be a moment such as 2026-01-02T03:04:05Z"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_and_back() {
        let text = super::rfc3339(1_767_323_045_678);
        assert_eq!(text, "2026-01-02T03:04:05.678Z");
        assert_eq!(super::parse("", &text).ok(), Some(1_767_323_045_678));
        assert_eq!(super::parse("", "2026-01-02T04:04:05.678+01:00").ok(), Some(1_767_323_045_678));
        assert_eq!(super::rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert!(super::parse("/x", "yesterday").is_err());
        assert!(!super::rfc3339(i64::MAX).is_empty());
    }
}
