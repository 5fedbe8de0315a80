//! `worktree.create`

use alkhub_api::{
    shared::Worktree,
    worktree::create::{Create, Error, Input},
};
use alkhub_core::{Call, Handle};

use crate::spoke::{
    Spoke,
    git::{failed, revision},
    sandbox::blocking,
    worktree,
};

impl Handle<Create> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Worktree, Error> {
        let branch = worktree::branch(self, &input.path, &input.branch).await?;
        let place = worktree::place(self, &input.path, &branch).await?;
        let (root, wanted) = (self.root.clone(), place.clone());
        blocking(move || root.make_room(&wanted)).await?;
        let full = self.root().join(&place);
        let full = full.to_str().ok_or_else(|| failed(None, "the path is not UTF-8"))?;
        let reference = format!("refs/heads/{branch}");
        let exists = self.git(&input.path, &["show-ref", "--verify", "--quiet", &reference]).await.is_ok();
        if exists {
            self.git(&input.path, &["worktree", "add", "--quiet", "--", full, &branch]).await?;
        } else {
            let base = revision("/base", input.base.as_deref().unwrap_or("HEAD"))?;
            self.git(&input.path, &["worktree", "add", "--quiet", "-b", &branch, "--", full, base]).await?;
        }
        let made = worktree::all(self, &input.path).await?.into_iter().find(|made| made.path == place);
        Ok(made.ok_or_else(|| failed(None, "the working tree was made, and is not listed"))?)
    }
}
