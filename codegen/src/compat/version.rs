//! Versions of operations.

/// Whether a break is announced: the major version rose; before 1.0 the minor version does.
pub(super) fn raised(old: &str, new: &str) -> bool {
    let (Some(old), Some(new)) = (parts(old), parts(new)) else { return false };
    new.0 > old.0 || (new.0 == 0 && old.0 == 0 && new.1 > old.1)
}

/// Whether the version went down.
pub(super) fn lowered(old: &str, new: &str) -> bool {
    matches!((parts(old), parts(new)), (Some(old), Some(new)) if new < old)
}

fn parts(version: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = version.split('.').map(str::parse::<u64>);
    match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Some((major, minor, patch)),
        _ => None,
    }
}
