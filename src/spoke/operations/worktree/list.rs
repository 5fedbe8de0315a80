//! `worktree.list`

use alkhub_api::worktree::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::spoke::{Spoke, worktree};

impl Handle<List> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        Ok(Output { worktrees: worktree::all(self, &input.path).await? })
    }
}
