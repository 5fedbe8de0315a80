//! Working trees of a repository (upstream reference section 7.1).

use alkhub_api::shared::Worktree;
use alkhub_core::CallError;

use super::{Spoke, git::failed};

/// Where working trees are made, in the top folder of the repository.
const FOLDER: &str = ".worktrees";

/// The name of a branch, made usable: small letters, hyphens for spaces and underscores, nothing strange.
///
/// # Errors
/// VALIDATION_ERROR where nothing usable is left.
pub(super) async fn branch(spoke: &Spoke, folder: &str, wanted: &str) -> Result<String, CallError> {
    let name = normal(wanted);
    let wrong = || CallError::fault("/branch", "is not a name that a branch can have");
    if name.is_empty() || name.starts_with('-') {
        return Err(wrong());
    }
    match spoke.git(folder, &["check-ref-format", "--branch", &name]).await {
        Ok(_) => Ok(name),
        // Outside of a repository git says something else than that the name is wrong.
        Err(error) if error.message.contains("not a git repository") => Err(error),
        Err(_) => Err(wrong()),
    }
}

fn normal(wanted: &str) -> String {
    let mut name = String::new();
    for letter in wanted.trim().to_lowercase().chars() {
        match letter {
            ' ' | '_' | '-' if !name.ends_with('-') => name.push('-'),
            letter if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '/') => name.push(letter),
            _ => {}
        }
    }
    name.trim_matches('-').to_owned()
}

/// Where the working tree of a branch is, from the root of the spoke.
///
/// # Errors
/// GIT_FAILED where there is no repository below the root.
pub(super) async fn place(spoke: &Spoke, folder: &str, branch: &str) -> Result<String, CallError> {
    let top = spoke.git(folder, &["rev-parse", "--path-format=absolute", "--git-common-dir"]).await?;
    let top = top.text.trim_end().trim_end_matches("/.git").to_owned();
    let inside = inside(spoke, &top)
        .ok_or_else(|| failed(None, "the repository is not below the root of the spoke"))?;
    Ok(if inside.is_empty() { format!("{FOLDER}/{branch}") } else { format!("{inside}/{FOLDER}/{branch}") })
}

/// All working trees that are below the root.
///
/// # Errors
/// GIT_FAILED where there is no repository.
pub(super) async fn all(spoke: &Spoke, folder: &str) -> Result<Vec<Worktree>, CallError> {
    let printed = spoke.git(folder, &["worktree", "list", "--porcelain", "-z"]).await?;
    let mut trees = Vec::new();
    for (number, block) in printed.text.split("\0\0").enumerate() {
        let value =
            |name: &str| block.split('\0').find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let Some(path) = value("worktree ").and_then(|path| inside(spoke, &path)) else { continue };
        let branch = value("branch ").map(|branch| branch.trim_start_matches("refs/heads/").to_owned());
        let path = if path.is_empty() { ".".to_owned() } else { path };
        trees.push(Worktree { path, branch, commit: value("HEAD "), main: number == 0 });
    }
    Ok(trees)
}

fn inside(spoke: &Spoke, path: &str) -> Option<String> {
    std::path::Path::new(path).strip_prefix(spoke.root()).ok()?.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn names_of_branches() {
        assert_eq!(normal("Fix the_Login  Page!"), "fix-the-login-page");
        assert_eq!(normal("wt/Task--1"), "wt/task-1");
        assert_eq!(normal("--force"), "force");
        assert_eq!(normal("$(rm -rf)"), "rm-rf");
    }
}
