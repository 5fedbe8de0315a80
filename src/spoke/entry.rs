//! What is at a path, as callers see it.

use std::path::Path;

use alkhub_api::shared::{FileEntry, FileEntryKind};
use cap_std::fs::{Dir, PermissionsExt};

use super::sandbox::Fail;
use crate::storage::time::rfc3339;

/// Looks at a path below a folder, without following a link at its end; `shown` is what it is called.
pub(super) fn look(folder: &Dir, path: &str, shown: &str) -> Result<FileEntry, Fail> {
    let path = if path.is_empty() { Path::new(".") } else { Path::new(path) };
    let metadata = folder.symlink_metadata(path).map_err(|error| Fail::of(shown, &error))?;
    let kind = match metadata.file_type() {
        kind if kind.is_file() => FileEntryKind::File,
        kind if kind.is_dir() => FileEntryKind::Folder,
        kind if kind.is_symlink() => FileEntryKind::Link,
        _ => FileEntryKind::Other,
    };
    let modified = metadata.modified().ok().and_then(|time| {
        let since = time.into_std().duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    });
    let is_file = kind == FileEntryKind::File;
    let target = (kind == FileEntryKind::Link).then(|| folder.read_link_contents(path).ok()).flatten();
    Ok(FileEntry {
        path: shown.to_owned(),
        kind,
        size: is_file.then(|| i64::try_from(metadata.len()).unwrap_or(i64::MAX)),
        modified_at: modified.map(rfc3339),
        executable: is_file.then(|| metadata.permissions().mode() & 0o111 != 0),
        target: target.map(|target| target.to_string_lossy().into_owned()),
    })
}
