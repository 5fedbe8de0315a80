//! The form of files: length and first line.

use super::tree::{Tree, Violation};

const LONGEST: usize = 600;
const LONGEST_AGENTS: usize = 80;

/// No file is longer than one can hold in mind.
pub(super) fn length(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(path, lines)| {
            Violation::new(
                "hand-written files have at most 600 lines",
                (path, LONGEST + 1),
                format!("has {lines} lines"),
                "split it by idea, one module each",
            )
        })
        .collect()
}

/// Every file of Rust begins by saying what it is.
pub(super) fn doc_comment(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .filter(|(_, text)| !text.lines().find(|line| !line.trim().is_empty()).is_some_and(is_doc))
        .map(|(path, _)| {
            Violation::new(
                "every module file begins with a doc comment",
                (path, 1),
                "does not begin with `//!`",
                "say in its first line what the module is or does, after `//! `",
            )
        })
        .collect()
}

fn is_doc(line: &str) -> bool {
    line.strip_prefix("//!").is_some_and(|text| !text.trim().is_empty())
}

/// `AGENTS.md` is read before every change.
pub(super) fn agents(tree: &Tree) -> Vec<Violation> {
    const RULE: &str = "AGENTS.md exists and has at most 80 lines";
    let remedy = "keep what every change needs, and point to docs/ for the rest";
    match tree.get("AGENTS.md").map(|text| text.lines().count()) {
        Some(lines) if lines <= LONGEST_AGENTS => Vec::new(),
        Some(lines) => {
            let place = ("AGENTS.md", LONGEST_AGENTS + 1);
            vec![Violation::new(RULE, place, format!("has {lines} lines"), remedy)]
        }
        None => vec![Violation::new(RULE, ("AGENTS.md", 1), "does not exist", remedy)],
    }
}
