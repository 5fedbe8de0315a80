//! The form of files: length and first line.

use super::tree::Tree;

const LONGEST: usize = 600;
const LONGEST_AGENTS: usize = 80;

/// No file is longer than one can hold in mind.
pub(super) fn length(tree: &Tree) -> Vec<String> {
    let long =
        tree.rust().map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > LONGEST);
    long.map(|(path, lines)| {
        format!("{path}: has {lines} lines; split it by idea into modules of at most {LONGEST}")
    })
    .collect()
}

/// Every file of Rust begins by saying what it is.
pub(super) fn first_line(tree: &Tree) -> Vec<String> {
    let silent = tree.rust().filter(|(_, text)| !text.starts_with("//! "));
    silent.map(|(path, _)| format!("{path}:1: say what the module is or does, after `//! `")).collect()
}

/// `AGENTS.md` is read before every change.
pub(super) fn agents(tree: &Tree) -> Vec<String> {
    match tree.get("AGENTS.md").map(|text| text.lines().count()) {
        Some(lines) if lines <= LONGEST_AGENTS => Vec::new(),
        Some(lines) => vec![format!(
            "AGENTS.md: has {lines} lines; keep {LONGEST_AGENTS} that every change needs, and point to docs/ for the rest"
        )],
        None => vec!["AGENTS.md: does not exist".to_owned()],
    }
}
