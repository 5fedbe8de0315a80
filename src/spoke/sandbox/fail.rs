//! Why a file could not be used, in words for whoever called.

use std::io;

use alkhub_core::CallError;
use serde_json::{Value, json};

/// Why a file could not be used.
#[derive(Debug)]
pub enum Fail {
    /// Nothing is there.
    NotFound(String),
    /// The path leads out of the root.
    Outside(String),
    /// It is there and cannot be used in this way.
    Refused(String, String),
    /// It is not as the caller believes.
    Changed(String, Option<String>),
    /// An edit fits nowhere, or at several places.
    Mismatch {
        /// The file.
        path: String,
        /// Which edit.
        edit: usize,
        /// How often its text stands there.
        occurrences: usize,
    },
    /// A pattern cannot be understood.
    Pattern(String, String),
}

impl Fail {
    /// What the system said of a path.
    #[must_use]
    pub fn of(path: &str, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound(path),
            // The library's own word, not the system's: a component led out.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => Self::Outside(path),
            _ => Self::Refused(path, reason(error)),
        }
    }

    /// A refusal in our own words.
    #[must_use]
    pub fn refused(path: &str, reason: &str) -> Self {
        Self::Refused(path.to_owned(), reason.to_owned())
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is not a folder".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::AlreadyExists => "it exists already".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::InvalidFilename => "the name cannot be used".to_owned(),
        _ => error.to_string(),
    }
}

impl From<Fail> for CallError {
    fn from(fail: Fail) -> Self {
        let error = |code: &'static str, message: String, details: Value| {
            Self::new(code, message).with_details(details)
        };
        match fail {
            Fail::NotFound(path) => {
                error("FS_NOT_FOUND", format!("Nothing is at {path}."), json!({ "path": path }))
            }
            Fail::Outside(path) => error(
                "FS_OUTSIDE_ROOT",
                format!("{path} leads out of the spoke's root."),
                json!({ "path": path }),
            ),
            Fail::Refused(path, reason) => error(
                "FS_REFUSED",
                format!("{path} cannot be used: {reason}."),
                json!({ "path": path, "reason": reason }),
            ),
            Fail::Changed(path, sha256) => error(
                "FS_CHANGED",
                format!("{path} is not as you believe it to be; read it again."),
                match sha256 {
                    Some(sha256) => json!({ "path": path, "sha256": sha256 }),
                    None => json!({ "path": path }),
                },
            ),
            Fail::Mismatch { path, edit, occurrences } => error(
                "FS_EDIT_MISMATCH",
                format!(
                    "The text of edit {edit} stands {occurrences} times in {path}; it must stand there once."
                ),
                json!({ "path": path, "edit": edit, "occurrences": occurrences }),
            ),
            Fail::Pattern(pattern, reason) => error(
                "FS_PATTERN",
                format!("The pattern cannot be understood: {reason}"),
                json!({ "pattern": pattern, "reason": reason }),
            ),
        }
    }
}
