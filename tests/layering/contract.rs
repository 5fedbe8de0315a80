//! The error catalogue and the operation files against what has to go with them.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Tree, Violation};

const CATALOGUE: &str = "operations/_shared/errors.yaml";
const CODES: &str = "core/src/error.rs";

/// An entry of the catalogue.
#[derive(Debug, Default)]
struct Entry {
    line: usize,
    infrastructure: bool,
    status: Option<String>,
}

/// The catalogue, in the plain form that `operations/_schema/errors.schema.json` has editors keep: codes without
/// indentation, their keys with two spaces.
fn catalogue(tree: &Tree) -> BTreeMap<String, Entry> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut current: Option<String> = None;
    for (number, line) in tree.get(CATALOGUE).unwrap_or_default().lines().enumerate() {
        let code = line.split(':').next().filter(|code| is_code(code) && line.contains(':'));
        if let Some(code) = code {
            entries.insert(code.to_owned(), Entry { line: number + 1, ..Entry::default() });
            current = Some(code.to_owned());
        }
        let Some(entry) = current.as_ref().and_then(|code| entries.get_mut(code)) else { continue };
        match line.split_once(':').map(|(key, value)| (key, value.trim())) {
            Some(("  infrastructure", value)) => entry.infrastructure = value == "true",
            Some(("  status", value)) => entry.status = Some(value.to_owned()),
            _ => {}
        }
    }
    entries
}

fn is_code(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.chars().all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_')
}

fn nothing_was_read(rule: &'static str, file: &str) -> Violation {
    Violation::new(
        rule,
        (file, 1),
        "nothing was found in it",
        "restore it, or teach tests/layering/contract.rs its new form",
    )
}

/// Each code has a page that tells of it, and each page a code.
pub(super) fn pages(tree: &Tree) -> Vec<Violation> {
    const RULE: &str = "every code of the error catalogue has a page in docs/errors, with an example";
    let entries = catalogue(tree);
    if entries.is_empty() {
        return vec![nothing_was_read(RULE, CATALOGUE)];
    }
    let mut found = Vec::new();
    for (code, entry) in &entries {
        let path = format!("docs/errors/{code}.md");
        let Some(page) = tree.get(&path) else {
            let place = (CATALOGUE, entry.line);
            let remedy = "write it after the pattern of the other pages";
            found.push(Violation::new(RULE, place, format!("{code} has no page {path}"), remedy));
            continue;
        };
        let mut parts = vec![
            format!("# {code}\n"),
            format!("\"type\": \"/docs/errors/{code}\""),
            format!("\"code\": \"{code}\""),
        ];
        parts.extend(entry.status.iter().map(|status| format!("\"status\": {status}")));
        for part in parts.iter().filter(|part| !page.contains(part.as_str())) {
            let remedy = "bring heading and example into line with the catalogue";
            found.push(Violation::new(RULE, (&path, 1), format!("does not have `{}`", part.trim()), remedy));
        }
    }
    for (path, _) in tree.below("docs/errors", ".md") {
        let code = path.trim_start_matches("docs/errors/").trim_end_matches(".md");
        if is_code(code) && !entries.contains_key(code) {
            let found_here = format!("is the page of {code}, which {CATALOGUE} does not have");
            found.push(Violation::new(RULE, (path, 1), found_here, "delete the page, or declare the code"));
        }
    }
    found
}

/// What can befall any call is the same in the contract and in `core`.
pub(super) fn infrastructure(tree: &Tree) -> Vec<Violation> {
    const RULE: &str =
        "the infrastructure codes of the error catalogue are those of alkhub_core::error::codes";
    let entries = catalogue(tree);
    let constants = constants(tree.get(CODES).unwrap_or_default());
    if entries.is_empty() {
        return vec![nothing_was_read(RULE, CATALOGUE)];
    }
    if constants.is_empty() {
        return vec![nothing_was_read(RULE, CODES)];
    }
    let values: BTreeSet<&str> = constants.iter().map(|(_, _, value)| value.as_str()).collect();
    let mut found = Vec::new();
    for (code, entry) in entries.iter().filter(|(_, entry)| entry.infrastructure) {
        if !values.contains(code.as_str()) {
            found.push(Violation::new(
                RULE,
                (CATALOGUE, entry.line),
                format!("{code} is marked `infrastructure: true`, but {CODES} does not have it"),
                format!("add it to `codes` and to `CallError::status` in {CODES}, or take the mark away"),
            ));
        }
    }
    for (line, name, value) in &constants {
        if name != value {
            let text = format!("the constant {name} is {value:?}");
            found.push(Violation::new(RULE, (CODES, *line), text, "call it as the code is called"));
        }
        if !entries.get(value).is_some_and(|entry| entry.infrastructure) {
            found.push(Violation::new(
                RULE,
                (CODES, *line),
                format!("{value} is no infrastructure code of {CATALOGUE}"),
                "declare it there with `infrastructure: true`, and write its page in docs/errors",
            ));
        }
    }
    found
}

/// Line, name and value of each constant in `pub mod codes`.
fn constants(text: &str) -> Vec<(usize, String, String)> {
    text.lines()
        .enumerate()
        .skip_while(|(_, line)| !line.starts_with("pub mod codes {"))
        .take_while(|(_, line)| *line != "}")
        .filter_map(|(number, line)| {
            let (name, value) = line.trim().strip_prefix("pub const ")?.split_once(": &str = \"")?;
            Some((number + 1, name.to_owned(), value.trim_end_matches("\";").to_owned()))
        })
        .collect()
}

/// `operations/project/create.yaml` is served by `src/operations/project/create.rs`, and the other way round.
pub(super) fn handlers(tree: &Tree) -> Vec<Violation> {
    const RULE: &str = "src/operations mirrors operations/ one to one";
    let mut expected = BTreeSet::new();
    let mut found = Vec::new();
    for (path, text) in tree.below("operations", ".yaml") {
        let parts: Vec<&str> = path.trim_start_matches("operations/").split('/').collect();
        let [namespace, file] = parts.as_slice() else { continue };
        if namespace.starts_with('_') {
            continue;
        }
        let spoke =
            text.lines().any(|line| line.split('#').next().unwrap_or_default().trim_end() == "host: spoke");
        let root = if spoke { "src/spoke/operations" } else { "src/operations" };
        let handler = format!("{root}/{namespace}/{}.rs", snake(file.trim_end_matches(".yaml")));
        if tree.get(&handler).is_none() {
            let remedy = format!("write {handler}; `cargo codegen new` makes both files for a new operation");
            found.push(Violation::new(RULE, (path, 1), format!("has no handler at {handler}"), remedy));
        }
        expected.insert(handler);
    }
    for root in ["src/operations", "src/spoke/operations"] {
        for (path, _) in tree.below(root, ".rs") {
            if !path.ends_with("/mod.rs") && !expected.contains(path) {
                found.push(Violation::new(
                    RULE,
                    (path, 1),
                    "serves no operation that is declared",
                    "delete it, declare its operation, or move a helper to a module outside of it",
                ));
            }
        }
    }
    found
}

/// The name of a file of Rust for the name of an operation: `listForUser` is `list_for_user`.
pub(super) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, char) in chars.iter().enumerate() {
        let after_small = chars[..at]
            .iter()
            .rev()
            .find(|before| before.is_alphabetic())
            .is_some_and(|before| before.is_lowercase());
        let before_small = chars.get(at + 1).is_some_and(|next| next.is_lowercase());
        if at > 0 && char.is_uppercase() && (after_small || before_small) {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    match snake.as_str() {
        "mod" | "self" | "super" | "crate" => snake + "_",
        _ => snake,
    }
}
