//! `git.diff`

use alkhub_api::git::diff::{Diff, Error, Input, Output};
use alkhub_core::{Call, CallError, Handle};

use crate::spoke::{Spoke, git::commit};

impl Handle<Diff> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let context = format!("-U{}", input.context);
        let mut arguments = vec!["diff", "--no-color", "--no-ext-diff", "--no-textconv", &context];
        if input.staged {
            arguments.push("--cached");
        }
        if input.from.is_none() && input.to.is_some() {
            return Err(CallError::fault("/to", "needs `from`").into());
        }
        // By their ids: two names that git does not know it would take for files, also outside of the repository.
        let mut commits = Vec::new();
        for (pointer, name) in [("/from", &input.from), ("/to", &input.to)] {
            if let Some(name) = name {
                commits.push(commit(self, &input.path, pointer, name).await?);
            }
        }
        arguments.extend(commits.iter().map(String::as_str));
        arguments.push("--");
        arguments.extend(input.files.iter().flatten().map(String::as_str));
        let printed = self.git(&input.path, &arguments).await?;
        Ok(Output { diff: printed.text, truncated: printed.truncated })
    }
}
