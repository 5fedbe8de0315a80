//! Whether the file has become another. It is looked at, and not listened to: that works on every file system, through
//! links that are turned to another file, and where the folder is replaced as a whole.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::Reloader;

/// Pause between two looks. A file is read when two looks find the same: nobody is in the middle of writing it.
const LOOK: Duration = Duration::from_millis(200);

/// What tells one state of a file from another: device, number, size, seconds and nanoseconds.
type State = (u64, u64, u64, i64, i64);

/// Reads the configuration again whenever its file has become another; ends where there is none to look at.
pub async fn watch(reloader: Reloader) {
    let Some((path, _)) = reloader.sources().and_then(|sources| sources.path()) else { return };
    // What was written between the start and the first look counts too.
    let (mut known, mut before): (Option<State>, _) = (None, state(path.clone()).await);
    loop {
        tokio::time::sleep(LOOK).await;
        let now = state(path.clone()).await;
        let settled = std::mem::replace(&mut before, now) == now;
        if !settled || now == known {
            continue;
        }
        known = now;
        if now.is_some() {
            reloader.reload("file").await;
        } else {
            gone(&path);
        }
    }
}

fn gone(path: &Path) {
    tracing::warn!(file = %path.display(), "the configuration file is gone; what it said stays in force");
}

async fn state(path: PathBuf) -> Option<State> {
    let found = tokio::fs::metadata(path).await.ok()?;
    Some((found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}
