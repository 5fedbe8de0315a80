//! Durations and sizes as people write them.

use std::time::Duration;

/// Reads `30s`, `500ms`, `1h30m`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let part = match &rest[..unit] {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" | "min" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            "d" => Duration::from_secs(number.checked_mul(86400)?),
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = rest[unit..].trim_start();
    }
    Some(total)
}

/// The duration in the form in which it is configured.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    match (millis, [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")]) {
        (0, _) => "0s".to_owned(),
        // `60s` and `75s` are how people say them; only whole larger units are folded.
        (_, units) => units
            .iter()
            .find(|(size, _)| millis.is_multiple_of(*size) && (millis / size >= 2 || *size == 1000))
            .map_or_else(|| format!("{millis}ms"), |(size, unit)| format!("{}{unit}", millis / size)),
    }
}

/// Reads `16KiB`, `2MiB`, `512`.
pub(super) fn parse_size(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let number: usize = text[..digits].replace('_', "").parse().ok()?;
    let factor = match text[digits..].trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// The size in the form in which it is configured.
#[must_use]
pub fn size_text(bytes: usize) -> String {
    match [(1usize << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(size, _)| bytes >= *size && bytes.is_multiple_of(*size))
    {
        Some((size, unit)) => format!("{}{unit}", bytes / size),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_show() {
        for (text, millis, shown) in [
            ("500ms", 500, "500ms"),
            ("30s", 30_000, "30s"),
            ("1m", 60_000, "60s"),
            ("2m", 120_000, "2m"),
            ("1h30m", 5_400_000, "90m"),
            ("1h 30m", 5_400_000, "90m"),
            ("0s", 0, "0s"),
            ("1d", 86_400_000, "24h"),
        ] {
            let duration = parse_duration(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(duration, Duration::from_millis(millis), "{text}");
            assert_eq!(duration_text(duration), shown, "{text}");
        }
        for wrong in ["", " ", "30", "s", "-1s", "1.5s", "30 s", "99999999999999999999s", "10y", "1s2"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_read_and_show() {
        for (text, bytes, shown) in [
            ("0", 0, "0B"),
            ("1000", 1000, "1000B"),
            ("16KiB", 16384, "16KiB"),
            ("2 mib", 2 << 20, "2MiB"),
            ("1GiB", 1 << 30, "1GiB"),
            ("10MB", 10_000_000, "10000000B"),
            ("1_024", 1024, "1KiB"),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
            assert_eq!(size_text(bytes), shown);
        }
        for wrong in ["", "MiB", "-1", "1.5MiB", "1TBx", "99999999999GiB"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
