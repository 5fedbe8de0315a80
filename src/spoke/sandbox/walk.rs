//! Walking through folders by their handles, in the order of names. Links are shown and not followed.

use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, FileType};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use tokio_util::sync::CancellationToken;

use super::{Fail, Root, clean};

/// Deepest folder that is entered.
const DEEPEST: usize = 64;
/// Names of one folder; more than that is not sorted but refused.
const MOST_NAMES: usize = 200_000;
/// Largest `.gitignore` that is heeded.
const LARGEST_IGNORE: u64 = 1024 * 1024;

/// What was found.
pub struct Found<'a> {
    /// Path from the root of the spoke.
    pub path: &'a str,
    /// Path from where the walk began.
    pub inside: &'a Path,
    /// File, folder or link.
    pub kind: FileType,
    /// The folder that it is in, and its name there.
    pub folder: &'a Dir,
    /// The name.
    pub name: &'a str,
}

/// How to walk.
pub struct Walk<'a> {
    /// How deep.
    pub depth: usize,
    /// Also what `.gitignore` leaves out.
    pub ignored: bool,
    /// Ends the walk.
    pub cancel: &'a CancellationToken,
}

impl Walk<'_> {
    /// Shows everything below a folder until `visit` answers with `false`.
    ///
    /// # Errors
    /// Why the folder cannot be opened, or what `visit` says. Folders further down that cannot be read are passed over.
    pub fn run(
        &self,
        root: &Root,
        from: &str,
        mut visit: impl FnMut(&Found<'_>) -> Result<bool, Fail>,
    ) -> Result<(), Fail> {
        let folder = root.folder(from)?;
        let mut ignores = Vec::new();
        if !self.ignored {
            self.above(root, from, &mut ignores);
        }
        let prefix = prefix(from);
        self.enter(&folder, &prefix, Path::new(""), 1, &mut ignores, &mut visit)?;
        Ok(())
    }

    /// Rules of the folders above, as far as the root.
    fn above(&self, root: &Root, from: &str, ignores: &mut Vec<Gitignore>) {
        let mut path = PathBuf::new();
        let parts: Vec<_> = Path::new(from).components().collect();
        for part in &parts[..parts.len().saturating_sub(1)] {
            if let Ok(folder) =
                root.dir().open_dir(if path.as_os_str().is_empty() { Path::new(".") } else { &path })
            {
                ignores.extend(rules(&folder, &path));
            }
            path.push(part);
        }
    }

    fn enter(
        &self,
        folder: &Dir,
        prefix: &str,
        inside: &Path,
        depth: usize,
        ignores: &mut Vec<Gitignore>,
        visit: &mut impl FnMut(&Found<'_>) -> Result<bool, Fail>,
    ) -> Result<bool, Fail> {
        let own = if self.ignored { None } else { rules(folder, Path::new(prefix)) };
        let count = ignores.len();
        ignores.extend(own);
        let mut names: Vec<(String, FileType)> = match folder.entries() {
            Ok(entries) => entries
                .flatten()
                .take(MOST_NAMES + 1)
                .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.file_type().ok()?)))
                .collect(),
            Err(error) if depth == 1 => return Err(Fail::of(prefix, &error)),
            Err(_) => Vec::new(),
        };
        if names.len() > MOST_NAMES {
            return Err(Fail::refused(prefix, &format!("it has more than {MOST_NAMES} entries")));
        }
        names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (name, kind) in names {
            if self.cancel.is_cancelled() {
                return Ok(false);
            }
            let path = format!("{prefix}{name}");
            if name == ".git" || (!self.ignored && is_ignored(ignores, &path, kind.is_dir())) {
                continue;
            }
            let inside = inside.join(&name);
            let found = Found { path: &path, inside: &inside, kind, folder, name: &name };
            if !visit(&found)? {
                return Ok(false);
            }
            if kind.is_dir() && depth < self.depth.min(DEEPEST) {
                // What was a folder a moment ago may be a link now; it cannot lead out of the one that it is in.
                let Ok(below) = folder.open_dir(&name) else { continue };
                if !self.enter(&below, &format!("{path}/"), &inside, depth + 1, ignores, visit)? {
                    return Ok(false);
                }
            }
        }
        ignores.truncate(count);
        Ok(true)
    }
}

fn prefix(from: &str) -> String {
    let parts: Vec<_> = clean(from)
        .components()
        .filter_map(|part| match part {
            std::path::Component::Normal(name) => name.to_str(),
            std::path::Component::ParentDir => Some(".."),
            _ => None,
        })
        .collect();
    if parts.is_empty() { String::new() } else { format!("{}/", parts.join("/")) }
}

fn rules(folder: &Dir, place: &Path) -> Option<Gitignore> {
    let (file, size) = super::file::regular(folder, ".gitignore").ok()?;
    if size > LARGEST_IGNORE {
        return None;
    }
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::io::Read::take(file, LARGEST_IGNORE), &mut text).ok()?;
    let mut builder = GitignoreBuilder::new(place);
    for line in text.lines() {
        // A line that cannot be understood leaves out nothing, as with git.
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}

/// The innermost rule that speaks of a path decides.
fn is_ignored(ignores: &[Gitignore], path: &str, is_folder: bool) -> bool {
    for rules in ignores.iter().rev() {
        let matched = rules.matched(path, is_folder);
        if !matched.is_none() {
            return matched.is_ignore();
        }
    }
    false
}
