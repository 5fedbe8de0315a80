//! The texts that rules look at, and what they find there.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

/// Where rules find what they read. Directories without any of it (build output, dependencies of tests) are not entered.
const ROOTS: &[&str] = &[
    "AGENTS.md",
    "Cargo.toml",
    "bench",
    "codegen",
    "core",
    "docs/errors",
    "generated",
    "migrations",
    "operations",
    "src",
    "tests",
];

/// Names of directories that hold nothing of ours.
const SKIPPED: &[&str] = &["node_modules", "target"];

/// Texts by path below the root, with `/` between the parts.
pub(super) struct Tree(BTreeMap<String, String>);

impl Tree {
    /// What this project consists of.
    pub(super) fn of_this_project() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut texts = BTreeMap::new();
        for start in ROOTS {
            read(&root, &root.join(start), &mut texts);
        }
        Self(texts)
    }

    /// A tree of these files.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    /// The text of one file.
    pub(super) fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Files below a directory, with an ending.
    pub(super) fn below<'a>(
        &'a self,
        directory: &'a str,
        ending: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter(move |(path, _)| is_below(path, directory) && path.ends_with(ending))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Rust that is written by hand.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.below("", ".rs").filter(|(path, _)| {
            let printed = is_below(path, "generated/src") || path.contains("/src/generated/");
            !printed
        })
    }
}

/// Whether a path is that of the directory or of something in it. The empty directory is the root.
pub(super) fn is_below(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn read(root: &Path, path: &Path, into: &mut BTreeMap<String, String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory of the project can be read") {
            let entry = entry.expect("an entry of a directory can be read");
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with('.') && !SKIPPED.contains(&&*name) {
                read(root, &entry.path(), into);
            }
        }
        return;
    }
    let wanted = ["rs", "toml", "yaml", "md"];
    if path.extension().is_some_and(|ending| wanted.iter().any(|wanted| ending == *wanted)) {
        let relative = path.strip_prefix(root).expect("a path below the root");
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        // An editor may take a file away between listing and reading.
        if let Ok(text) = fs::read_to_string(path) {
            into.insert(parts.join("/"), text);
        }
    }
}

/// A place where a rule is broken.
#[derive(Debug)]
pub(super) struct Violation {
    /// What holds everywhere else.
    pub(super) rule: &'static str,
    /// `file:line`.
    pub(super) place: String,
    /// What was found there.
    pub(super) found: String,
    /// What to do about it.
    pub(super) remedy: String,
}

impl Violation {
    /// A violation in a line of a file.
    pub(super) fn new(
        rule: &'static str,
        (file, line): (&str, usize),
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { rule, place: format!("{file}:{line}"), found: found.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, place, found, remedy } = self;
        write!(out, "{place}: {found}\n  rule:   {rule}\n  remedy: {remedy}")
    }
}
