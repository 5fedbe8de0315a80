//! File trees in memory: what generation reads and what it produces.

use std::collections::BTreeMap;

/// The operations directory: paths relative to it, and bytes.
#[derive(Clone, Debug, Default)]
pub struct SourceTree {
    root: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl SourceTree {
    /// An empty tree; `root` is what diagnostics put before each path, for example `operations`.
    #[must_use]
    pub fn new(root: impl Into<String>) -> Self {
        Self { root: root.into(), files: BTreeMap::new() }
    }

    /// Adds one file. Paths use `/` on every platform.
    pub fn insert(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), bytes.into());
    }

    /// The files, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// The bytes of one file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// The path as people see it: with the root before it.
    #[must_use]
    pub fn display(&self, path: &str) -> String {
        if self.root.is_empty() { path.to_owned() } else { format!("{}/{path}", self.root) }
    }

    /// The bytes of the file that a diagnostic names.
    #[must_use]
    pub fn by_display(&self, shown: &str) -> Option<&[u8]> {
        let path = match self.root.as_str() {
            "" => shown,
            root => shown.strip_prefix(root)?.strip_prefix('/')?,
        };
        self.get(path)
    }
}

/// Generated files: paths relative to the generated directory, and text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTree {
    files: BTreeMap<String, String>,
}

impl FileTree {
    /// Adds one file.
    pub fn insert(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.files.insert(path.into(), text.into());
    }

    /// The files, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}
