//! Running git: without a shell, without what a repository could make it run, and not above the root.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use alkhub_core::CallError;
use cap_std::fs::Dir;
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

const FLAGS: [&str; 3] = ["--no-pager", "--no-optional-locks", "--literal-pathspecs"];
/// Settings that keep a repository from running programs of its own; its filters are named by it, and found first.
const SETTINGS: [(&str, &str); 15] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.quotePath", "false"),
    ("core.sshCommand", "false"),
    ("safe.bareRepository", "explicit"),
    ("diff.external", ""),
    // Submodules have settings of their own.
    ("diff.ignoreSubmodules", "dirty"),
    ("status.submoduleSummary", "false"),
    ("submodule.recurse", "false"),
    ("log.showSignature", "false"),
    ("gpg.program", "false"),
    ("gpg.ssh.program", "false"),
    ("gpg.x509.program", "false"),
    // What tidies up can be told to ask a program what to keep.
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
];
/// Settings of filters that a repository may have.
const MOST_FILTERS: usize = 256;

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
        let folder = blocking(move || Ok((root.folder(&path)?, root.place(&path)?))).await?;
        let filters = self.survey(&folder).await?;
        self.run(&folder, arguments, &filters).await
    }

    /// Makes sure that the repository lies below the root with all that git would read and write, wherever its `.git`
    /// and its settings lead; answers with the settings that switch off the programs that it names as filters.
    async fn survey(&self, folder: &(Dir, PathBuf)) -> Result<Vec<(String, &'static str)>, CallError> {
        let places =
            ["rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir"];
        let printed = self.run(folder, &places, &[]).await?;
        let inside = |line: &str| Path::new(line).starts_with(self.root());
        if printed.text.lines().count() != 3 || !printed.text.lines().all(inside) {
            return Err(failed(None, "the repository is not below the root of the spoke"));
        }
        // Whoever runs the spoke may have filters of their own; those of the repository come with what it was made from.
        let ask = ["config", "--show-scope", "--null", "--name-only", "--get-regexp", r"^filter\."];
        let Ok(named) = self.run(folder, &ask, &[]).await else { return Ok(Vec::new()) };
        let parts: Vec<&str> = named.text.split_terminator('\0').collect();
        let own = parts.chunks_exact(2).filter(|pair| ["local", "worktree"].contains(&pair[0]));
        let filters: Vec<_> = own
            .map(|pair| (pair[1].to_owned(), if pair[1].ends_with(".required") { "false" } else { "" }))
            .collect();
        if named.truncated || filters.len() > MOST_FILTERS {
            return Err(failed(None, "the repository's settings name too many filters"));
        }
        Ok(filters)
    }

    async fn run(
        &self,
        (dir, place): &(Dir, PathBuf),
        arguments: &[&str],
        filters: &[(String, &str)],
    ) -> Result<Printed, CallError> {
        let mut git = command("git", dir, place);
        git.args(FLAGS).args(arguments);
        git.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C.UTF-8").env("GIT_EDITOR", "true");
        git.env("GIT_CEILING_DIRECTORIES", self.root().parent().unwrap_or_else(|| Path::new("/")));
        git.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "");
        let filters = filters.iter().map(|(name, value)| (name.as_str(), *value));
        let settings: Vec<_> = SETTINGS.into_iter().chain(filters).collect();
        git.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (number, (name, value)) in settings.into_iter().enumerate() {
            git.env(format!("GIT_CONFIG_KEY_{number}"), name)
                .env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        git.stdin(Stdio::null());
        let mut group = Group::start(&mut git, &std::collections::BTreeMap::new(), false, &self.tasks)
            .map_err(|error| failed(None, &format!("git could not be started: {error}")))?;
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

/// The id of a commit that a caller names.
///
/// # Errors
/// VALIDATION_ERROR at the pointer, GIT_FAILED where there is none.
pub(super) async fn commit(
    spoke: &Spoke,
    folder: &str,
    pointer: &str,
    name: &str,
) -> Result<String, CallError> {
    let wanted = format!("{}^{{commit}}", revision(pointer, name)?);
    let found = spoke.git(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).await;
    match found {
        Ok(printed) => Ok(printed.text.trim().to_owned()),
        // Quiet: it says nothing but that there is none.
        Err(error) if error.details.as_ref().is_some_and(|details| details["message"] == "") => {
            Err(failed(Some(1), &format!("there is no commit {name}")))
        }
        Err(error) => Err(error),
    }
}

/// The branch that is checked out, if one is.
pub(super) async fn current(spoke: &Spoke, folder: &str) -> Result<Option<String>, CallError> {
    let printed = spoke.git(folder, &["branch", "--show-current"]).await?;
    Ok(Some(printed.text.trim().to_owned()).filter(|name| !name.is_empty()))
}
