//! `git.branch`

use alkhub_api::git::branch::{Branch, Error, Input, Output};
use alkhub_core::{Call, Handle};

use crate::spoke::{
    Spoke,
    git::{current, revision},
};

impl Handle<Branch> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        if let Some(name) = &input.create {
            let from = input.from.as_deref().unwrap_or("HEAD");
            let arguments = ["branch", "--no-track", "--end-of-options", revision("/create", name)?, revision("/from", from)?];
            self.git(&input.path, &arguments).await?;
        }
        if let Some(name) = &input.checkout {
            self.git(&input.path, &["switch", "--no-guess", "--end-of-options", revision("/checkout", name)?]).await?;
        }
        let arguments = ["for-each-ref", "--format=%(refname:short)", "refs/heads"];
        let branches = self.git(&input.path, &arguments).await?;
        Ok(Output {
            current: current(self, &input.path).await?,
            branches: branches.text.lines().map(str::to_owned).collect(),
        })
    }
}
