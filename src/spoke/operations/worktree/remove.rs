//! `worktree.remove`

use alkhub_api::{
    errors::WorktreeDirty,
    worktree::remove::{Error, Input, Output, Remove},
};
use alkhub_core::{Call, Handle};

use crate::spoke::{Spoke, git::failed, worktree};

impl Handle<Remove> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let branch = worktree::branch(self, &input.path, &input.branch).await?;
        let all = worktree::all(self, &input.path).await?;
        let Some(found) = all.into_iter().find(|tree| !tree.main && tree.branch.as_deref() == Some(&branch)) else {
            return Err(failed(None, &format!("no working tree has the branch {branch}")).into());
        };
        if !input.force {
            let changes = self.git(&found.path, &["status", "--porcelain", "--untracked-files=normal"]).await?;
            if !changes.text.is_empty() {
                return Err(Error::WorktreeDirty(WorktreeDirty { path: found.path }));
            }
        }
        let full = self.root().join(&found.path);
        let full = full.to_str().ok_or_else(|| failed(None, "the path is not UTF-8"))?;
        let mut arguments = vec!["worktree", "remove"];
        if input.force {
            arguments.push("--force");
        }
        arguments.extend(["--", full]);
        self.git(&input.path, &arguments).await?;
        Ok(Output { removed: found.path })
    }
}
