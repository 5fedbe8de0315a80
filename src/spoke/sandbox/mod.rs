//! One directory and nothing outside of it. Every path is opened beneath a handle of that directory, component by
//! component, so that neither `..` nor a link leads out, also when somebody swaps a folder for a link in between.

mod fail;
mod file;
mod replace;
mod walk;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use cap_std::{ambient_authority, fs::Dir};
use parking_lot::Mutex;

pub use fail::Fail;
pub use file::{Whole, hash};
pub use replace::Mode;
pub use walk::{Found, Walk};

/// Largest file that is edited or appended to as a whole.
pub const LARGEST_TEXT: u64 = 16 * 1024 * 1024;

/// The directory. Cheap to clone.
#[derive(Clone)]
pub struct Root {
    inner: Arc<Inner>,
}

struct Inner {
    dir: Dir,
    /// Where it is, for programs that are started in it.
    path: PathBuf,
    /// Changes of files happen one after the other, so that what one has looked at is still so when it writes.
    writing: Mutex<()>,
}

impl Root {
    /// Opens a directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let dir = Dir::open_ambient_dir(&path, ambient_authority())?;
        Ok(Self { inner: Arc::new(Inner { dir, path, writing: Mutex::new(()) }) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    pub(super) fn dir(&self) -> &Dir {
        &self.inner.dir
    }

    /// A folder below, opened.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn folder(&self, path: &str) -> Result<Dir, Fail> {
        self.dir().open_dir(clean(path)).map_err(|error| Fail::of(path, &error))
    }

    /// Makes the folders above a path at which nothing is, not even a link.
    ///
    /// # Errors
    /// Why they cannot be made, or that something is there.
    pub fn make_room(&self, path: &str) -> Result<(), Fail> {
        replace::refuse_git(path, clean(path))?;
        if self.dir().symlink_metadata(clean(path)).is_ok() {
            return Err(Fail::refused(path, "something is there already"));
        }
        let above = clean(path)
            .parent()
            .filter(|above| !above.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        self.dir().create_dir_all(above).map_err(|error| Fail::of(path, &error))
    }

    /// The path of a folder below, for programs that are started in it, free of links when it was looked at.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn place(&self, path: &str) -> Result<PathBuf, Fail> {
        // Opening proves that it is below; the canonical path has no links left.
        self.folder(path)?;
        let inside = self.dir().canonicalize(clean(path)).map_err(|error| Fail::of(path, &error))?;
        Ok(self.inner.path.join(inside))
    }
}

/// `""` is the root too.
fn clean(path: &str) -> &Path {
    if path.is_empty() { Path::new(".") } else { Path::new(path) }
}

/// Runs work that waits for disks where waiting does no harm.
///
/// # Errors
/// What the work says.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fail> + Send + 'static,
) -> Result<T, alkhub_core::CallError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(error) => Err(alkhub_core::CallError::internal(&error)),
    }
}
