//! Where the repository is, and what is in it.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{SourceTree, files};

/// The directories that commands work on.
pub(super) struct Project {
    pub(super) root: PathBuf,
}

impl Project {
    pub(super) fn operations(&self) -> PathBuf {
        self.root.join("operations")
    }

    pub(super) fn generated(&self) -> PathBuf {
        self.root.join("generated")
    }

    pub(super) fn sources(&self) -> Result<SourceTree, String> {
        let directory = self.operations();
        files::read(&directory, "operations").map_err(|error| format!("{}: {error}", directory.display()))
    }
}

/// The given directory, or the nearest one upwards that looks like the repository.
pub(super) fn find(given: Option<&Path>) -> Result<Project, String> {
    let is_root = |path: &Path| path.join("operations").is_dir() && path.join("generated").is_dir();
    if let Some(root) = given {
        if is_root(root) {
            return Ok(Project { root: root.to_owned() });
        }
        return Err(format!("{} has no `operations/` and `generated/`", root.display()));
    }
    let here = env::current_dir().map_err(|error| format!("the current directory is unknown: {error}"))?;
    match here.ancestors().find(|path| is_root(path)) {
        Some(root) => Ok(Project { root: root.to_owned() }),
        None => Err(format!(
            "no directory with `operations/` and `generated/` from {} upwards; run this inside the repository, or say --root",
            here.display()
        )),
    }
}
