//! The files that the rules speak of, in memory.

use std::{collections::BTreeMap, fs, path::Path};

/// Folders and files that are read; what is generated or fetched is nobody's writing.
const ROOTS: [&str; 10] = [
    "AGENTS.md",
    "bench/src",
    "codegen/src",
    "core",
    "docs/errors",
    "migrations",
    "operations",
    "src",
    "tests",
    "generated/build.rs",
];

/// Texts by path from the root of the project.
pub(super) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    pub(super) fn of_this_project() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = BTreeMap::new();
        let mut open: Vec<String> = ROOTS.map(str::to_owned).into();
        while let Some(path) = open.pop() {
            let place = root.join(&path);
            if place.is_dir() {
                let entries = fs::read_dir(&place).expect("the folder is read").flatten();
                open.extend(entries.map(|entry| format!("{path}/{}", entry.file_name().to_string_lossy())));
            } else if [".rs", ".md", ".yaml"].iter().any(|kind| path.ends_with(kind)) {
                files.insert(path, fs::read_to_string(&place).expect("the file is read"));
            }
        }
        Self { files }
    }

    /// A small tree that only a test knows.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Self { files: files.collect() }
    }

    pub(super) fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Files below a folder, with their texts.
    pub(super) fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let is_below = move |path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .filter(move |(path, _)| is_below(path))
    }

    /// All files of Rust.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(|(path, _)| path.ends_with(".rs"))
    }
}
