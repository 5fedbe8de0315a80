//! The base spoke: serves the operations of one directory to a hub.

mod connect;
mod describe;
mod entry;
mod git;
mod operations;
mod pattern;
mod process;
pub mod sandbox;
mod session;
mod worktree;

use std::{io, path::Path};

use tokio_util::task::TaskTracker;

pub use connect::{ConnectError, client, connect, endpoint};
pub use session::{Event, GaveUp, Registered, Rejected, Settings, run};

use self::sandbox::Root;

/// What the handlers work with.
pub struct Spoke {
    /// The directory.
    root: Root,
    /// Programs that run for calls.
    tasks: TaskTracker,
}

impl Spoke {
    /// A spoke that serves this directory.
    ///
    /// # Errors
    /// What the system says of the directory.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self { root: Root::open(root)?, tasks: TaskTracker::new() })
    }

    /// Waits until the programs that were started for calls are gone; they go when their calls do.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Where the directory is.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }
}
