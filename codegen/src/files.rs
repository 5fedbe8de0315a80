//! Source trees from disk, and generated trees to disk.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{FileTree, SourceTree, emit::HEADER};

/// Reads a directory of operations; `root` is how diagnostics call it.
///
/// # Errors
/// When a directory or a file cannot be read.
pub fn read(directory: &Path, root: &str) -> io::Result<SourceTree> {
    let mut tree = SourceTree::new(root);
    for path in list(directory)? {
        tree.insert(relative(directory, &path), fs::read(&path)?);
    }
    Ok(tree)
}

/// Every file below a directory, sorted. Links are not followed.
///
/// # Errors
/// When a directory cannot be read.
pub fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn relative(directory: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(directory).unwrap_or(path);
    let parts: Vec<_> =
        inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    parts.join("/")
}

/// What stands between a directory and a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files to write, because they are missing or differ.
    pub write: Vec<String>,
    /// Files to remove, because they were generated once and are no longer.
    pub remove: Vec<String>,
}

impl Changes {
    /// Whether the directory is as it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.write.is_empty() && self.remove.is_empty()
    }
}

/// Compares a directory with what it should hold.
///
/// # Errors
/// When the directory cannot be read.
pub fn compare(directory: &Path, tree: &FileTree) -> io::Result<Changes> {
    let mut changes = Changes::default();
    for (path, text) in tree.iter() {
        // A checkout may have turned line ends.
        let same =
            fs::read_to_string(directory.join(path)).is_ok_and(|now| now.replace("\r\n", "\n") == text);
        if !same {
            changes.write.push(path.to_owned());
        }
    }
    let source = directory.join("src");
    if source.is_dir() {
        for path in list(&source)? {
            let inside = relative(directory, &path);
            if tree.get(&inside).is_none() && is_ours(&path) {
                changes.remove.push(inside);
            }
        }
    }
    Ok(changes)
}

/// Whether a file says that it was generated here.
fn is_ours(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        start.lines().next().is_some_and(|line| line.contains(HEADER))
    })
}

/// Makes the directory hold the tree: each file is replaced as a whole or left alone.
///
/// # Errors
/// When a file cannot be written or removed.
pub fn apply(directory: &Path, tree: &FileTree, changes: &Changes) -> io::Result<()> {
    for path in &changes.write {
        let Some(text) = tree.get(path) else { continue };
        write(&directory.join(path), text)?;
    }
    for path in &changes.remove {
        let path = directory.join(path);
        fs::remove_file(&path)?;
        // A namespace that is empty now; it stays if something else is in it.
        if let Some(parent) = path.parent() {
            let _ = fs::remove_dir(parent);
        }
    }
    Ok(())
}

/// Writes one file through a temporary one beside it, so that no reader sees half of it.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    readable(file.as_file())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Temporary files are private; what is committed is not.
#[cfg(unix)]
fn readable(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_file: &fs::File) -> io::Result<()> {
    Ok(())
}
