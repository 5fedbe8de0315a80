//! `git.diff`

use alkhub_api::git::diff::{Diff, Error, Input, Output};
use alkhub_core::{Call, CallError, Handle};

use crate::spoke::{Spoke, git::revision};

impl Handle<Diff> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let context = format!("-U{}", input.context);
        let mut arguments = vec!["diff", "--no-color", "--no-ext-diff", "--no-textconv", &context];
        if input.staged {
            arguments.push("--cached");
        }
        arguments.push("--end-of-options");
        match (&input.from, &input.to) {
            (Some(from), Some(to)) => {
                arguments.extend([revision("/from", from)?, revision("/to", to)?]);
            }
            (Some(from), None) => arguments.push(revision("/from", from)?),
            (None, Some(_)) => return Err(CallError::fault("/to", "needs `from`").into()),
            (None, None) => {}
        }
        arguments.push("--");
        arguments.extend(input.files.iter().flatten().map(String::as_str));
        let printed = self.git(&input.path, &arguments).await?;
        Ok(Output { diff: printed.text, truncated: printed.truncated })
    }
}
