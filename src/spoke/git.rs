//! Running git: without a shell, without what a repository could make it run, and not above the root.

use std::{path::Path, process::Stdio};

use alkhub_core::CallError;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{
    Spoke,
    process::{Group, command},
    sandbox::blocking,
};

/// Bytes of output that are kept.
pub(super) const MOST_OUTPUT: usize = 1024 * 1024;
/// Bytes of complaints that are kept.
const MOST_COMPLAINTS: usize = 16 * 1024;

/// Settings that keep a repository from running programs of its own.
const SETTINGS: [&str; 15] = [
    "--no-pager",
    "--no-optional-locks",
    "--literal-pathspecs",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=false",
    "-c",
    "safe.bareRepository=explicit",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "diff.external=",
];

/// What git printed.
pub(super) struct Printed {
    /// At most [`MOST_OUTPUT`] bytes.
    pub(super) text: String,
    /// There was more.
    pub(super) truncated: bool,
}

impl Spoke {
    /// Runs git in a folder below the root.
    ///
    /// # Errors
    /// GIT_FAILED with what git says, or why the folder cannot be used.
    pub(super) async fn git(&self, folder: &str, arguments: &[&str]) -> Result<Printed, CallError> {
        let (root, path) = (self.root.clone(), folder.to_owned());
        let (dir, place) = blocking(move || Ok((root.folder(&path)?, root.place(&path)?))).await?;
        let mut git = command("git", &dir, &place);
        git.args(SETTINGS).args(arguments);
        git.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C.UTF-8").env("GIT_EDITOR", "true");
        git.env("GIT_CEILING_DIRECTORIES", self.root().parent().unwrap_or_else(|| Path::new("/")));
        git.stdin(Stdio::null());
        let mut group = Group::start(&mut git, &std::collections::BTreeMap::new(), false)
            .map_err(|error| failed(None, &format!("git could not be started: {error}")))?;
        drop(dir);
        let (Some(stdout), Some(stderr)) =
            group.child().map_or((None, None), |child| (child.stdout.take(), child.stderr.take()))
        else {
            return Err(failed(None, "git could not be started"));
        };
        let (printed, complaints) =
            tokio::join!(bounded(stdout, MOST_OUTPUT), bounded(stderr, MOST_COMPLAINTS));
        let Some(child) = group.child() else { return Err(failed(None, "git is gone")) };
        let status = if printed.truncated {
            // What would come after is not wanted; git would wait for somebody to read it.
            group.end().await;
            return Ok(printed);
        } else {
            child.wait().await.map_err(|error| CallError::internal(&error))?
        };
        if status.success() { Ok(printed) } else { Err(failed(status.code(), complaints.text.trim())) }
    }
}

async fn bounded(mut from: impl AsyncRead + Unpin, most: usize) -> Printed {
    let mut bytes = Vec::new();
    // What was read before an error is all there is.
    let _ = (&mut from).take(most as u64 + 1).read_to_end(&mut bytes).await;
    let truncated = bytes.len() > most;
    bytes.truncate(most);
    Printed { text: String::from_utf8_lossy(&bytes).into_owned(), truncated }
}

/// GIT_FAILED.
pub(super) fn failed(code: Option<i32>, message: &str) -> CallError {
    let mut details = json!({ "message": message });
    if let Some(code) = code {
        details["exitCode"] = code.into();
    }
    CallError::new("GIT_FAILED", format!("git refused: {}", message.lines().next().unwrap_or_default()))
        .with_details(details)
}

/// A commit, branch or tag that a caller names: never an option.
///
/// # Errors
/// VALIDATION_ERROR at the pointer.
pub(super) fn revision<'a>(pointer: &str, name: &'a str) -> Result<&'a str, CallError> {
    if name.starts_with('-') || name.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        return Err(CallError::fault(pointer, "must be the name of a commit, branch or tag"));
    }
    Ok(name)
}

/// The branch that is checked out, if one is.
pub(super) async fn current(spoke: &Spoke, folder: &str) -> Result<Option<String>, CallError> {
    let printed = spoke.git(folder, &["branch", "--show-current"]).await?;
    Ok(Some(printed.text.trim().to_owned()).filter(|name| !name.is_empty()))
}
