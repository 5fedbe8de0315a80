//! Reading files beneath the root.

use std::{
    fmt::Write as _,
    io::{Read, Seek, SeekFrom},
};

use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::{Fail, LARGEST_TEXT, Root, clean};

/// A whole file as it was read.
pub struct Whole {
    /// Its content.
    pub content: Vec<u8>,
    /// Whether its owner may run it; kept when it is replaced.
    pub permissions: cap_std::fs::Permissions,
}

impl Root {
    /// A part of a file, and the size of the whole.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(&self, path: &str, offset: u64, limit: u64) -> Result<(Vec<u8>, u64), Fail> {
        let (mut file, size) = regular(self.dir(), path)?;
        let mut content = Vec::new();
        let read =
            file.seek(SeekFrom::Start(offset)).and_then(|_| file.take(limit).read_to_end(&mut content));
        read.map_err(|error| Fail::of(path, &error))?;
        Ok((content, size))
    }

    /// A regular file, opened, and its size.
    ///
    /// # Errors
    /// Why it cannot be opened, or that it is something else.
    pub fn regular(&self, path: &str) -> Result<(File, u64), Fail> {
        regular(self.dir(), path)
    }

    /// A whole file, where it is not too large for that; `None` where there is none.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn whole(&self, path: &str) -> Result<Option<Whole>, Fail> {
        let (file, size) = match regular(self.dir(), path) {
            Ok(opened) => opened,
            Err(Fail::NotFound(_)) => return Ok(None),
            Err(fail) => return Err(fail),
        };
        if size > LARGEST_TEXT {
            return Err(Fail::refused(path, &format!("it is larger than {LARGEST_TEXT} bytes")));
        }
        let permissions = file.metadata().map_err(|error| Fail::of(path, &error))?.permissions();
        let mut content = Vec::new();
        // It may grow while it is read.
        file.take(LARGEST_TEXT).read_to_end(&mut content).map_err(|error| Fail::of(path, &error))?;
        Ok(Some(Whole { content, permissions }))
    }
}

/// Opens what is a regular file, and its size. Pipes and devices would make readers wait, or worse.
pub(super) fn regular(dir: &Dir, path: &str) -> Result<(File, u64), Fail> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    let file = dir.open_with(clean(path), &options).map_err(|error| Fail::of(path, &error))?;
    let metadata = file.metadata().map_err(|error| Fail::of(path, &error))?;
    if metadata.is_dir() {
        return Err(Fail::refused(path, "it is a folder"));
    }
    if !metadata.is_file() {
        return Err(Fail::refused(path, "it is not a regular file"));
    }
    Ok((file, metadata.len()))
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn hash(content: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
