//! Durations such as `30s`.

use crate::{
    diagnostic::{Report, codes},
    source::Node,
};

/// Longest timeout: a day.
const MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// The timeout in milliseconds.
pub(super) fn read(node: &Node, report: &mut Report) -> Option<u64> {
    let text = node.as_str()?;
    let Some(ms) = milliseconds(text) else {
        report
            .error(codes::TIMEOUT, &node.at, format!("`{text}` is not a duration"))
            .help("write a whole number and ms, s, m or h: `500ms`, `30s`, `5m`");
        return None;
    };
    if ms == 0 || ms > MAX_MS {
        report
            .error(codes::TIMEOUT, &node.at, format!("`{text}` is out of range"))
            .help("between 1ms and 24h; leave it out for the hub's default");
        return None;
    }
    Some(ms)
}

fn milliseconds(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}
