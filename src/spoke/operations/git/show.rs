//! `git.show`

use alkhub_api::git::show::{Error, Input, Output, Show};
use alkhub_core::{Call, Handle};

use crate::spoke::{Spoke, git::revision};

impl Handle<Show> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let commit = revision("/commit", &input.commit)?;
        let object = match &input.file {
            Some(file) => format!("{commit}:{file}"),
            None => commit.to_owned(),
        };
        let arguments = ["show", "--no-color", "--no-ext-diff", "--no-textconv", "--end-of-options", &object, "--"];
        let printed = self.git(&input.path, &arguments).await?;
        Ok(Output { text: printed.text, truncated: printed.truncated })
    }
}
