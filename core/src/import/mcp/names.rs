//! Names of tools as names of operations: the same where they can be, else near to it, and never two alike.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// Longest name of an operation.
const LONGEST: usize = 100;
/// Letters of a hash that tell names apart: 32 bits.
const TAIL: usize = 8;

/// A name for each tool, in the same order. It depends on the tool's own name and on which others there are, never on
/// their order: who called `fs.read_file` yesterday calls the same today.
#[must_use]
pub fn names<'a>(tools: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let tools: Vec<&str> = tools.into_iter().collect();
    let plain: Vec<String> = tools.iter().map(|tool| plain(tool)).collect();
    let mut uses = HashMap::<&str, usize>::new();
    for name in &plain {
        *uses.entry(name).or_default() += 1;
    }
    tools
        .iter()
        .zip(&plain)
        .map(|(tool, name)| {
            // The one that is spelled just so keeps its name; the others yield.
            let alone = uses[name.as_str()] == 1 && tool.chars().count() <= LONGEST;
            if !name.is_empty() && (tool == name || alone) { name.clone() } else { told_apart(tool, name) }
        })
        .collect()
}

/// With `_` in place of what a name cannot have.
fn plain(tool: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    tool.chars().take(LONGEST).map(|letter| if fits(letter) { letter } else { '_' }).collect()
}

fn told_apart(tool: &str, name: &str) -> String {
    use std::fmt::Write;
    let hash = Sha256::digest(tool);
    let kept = name.len().min(LONGEST - TAIL - 1);
    let mut name = name[..kept].to_owned();
    if !name.is_empty() {
        name.push('_');
    }
    for byte in &hash[..TAIL / 2] {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_where_they_fit() {
        assert_eq!(names(["read_file", "list-dir", "A1"]), ["read_file", "list-dir", "A1"]);
        assert_eq!(names(["fs.read", "get weather", "größe"]), ["fs_read", "get_weather", "gr__e"]);
    }

    #[test]
    fn no_two_are_alike_whatever_their_order() {
        let one = names(["a.b", "a/b", "a_b"]);
        assert_eq!(one[2], "a_b");
        assert!(one[0].starts_with("a_b_") && one[1].starts_with("a_b_") && one[0] != one[1], "{one:?}");
        let other = names(["a_b", "a/b", "a.b"]);
        assert_eq!([&other[2], &other[1], &other[0]], [&one[0], &one[1], &one[2]]);
    }

    #[test]
    fn long_and_strange_ones_fit_too() {
        let (long, longer) = ("x".repeat(150), "x".repeat(151));
        let found = names([&long, &longer, "", "日本"]);
        assert!(found.iter().all(|name| (1..=LONGEST).contains(&name.len()) && name.is_ascii()), "{found:?}");
        assert_ne!(found[0], found[1]);
    }
}
