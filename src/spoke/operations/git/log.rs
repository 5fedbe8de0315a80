//! `git.log`

use alkhub_api::git::log::{Error, Input, Log, Output, OutputCommitsItem};
use alkhub_core::{Call, Handle};

use crate::spoke::{Spoke, git::revision};

impl Handle<Log> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let (limit, skip) = (format!("--max-count={}", input.limit), format!("--skip={}", input.skip));
        let mut arguments = vec!["log", "--no-color", "-z", "--format=%H%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%s%x1f%b", &limit, &skip];
        arguments.extend(["--end-of-options", revision("/from", &input.from)?, "--"]);
        arguments.extend(input.files.iter().flatten().map(String::as_str));
        let printed = self.git(&input.path, &arguments).await?;
        // A commit that was cut off in the middle is left out.
        let commits = printed.text.split('\0').filter_map(read).collect();
        Ok(Output { commits })
    }
}

fn read(text: &str) -> Option<OutputCommitsItem> {
    let mut parts = text.splitn(7, '\u{1f}').map(str::to_owned);
    let mut part = || parts.next();
    Some(OutputCommitsItem {
        commit: part()?,
        parents: part()?.split_whitespace().map(str::to_owned).collect(),
        author_name: part()?,
        author_email: part()?,
        date: part()?,
        subject: part()?,
        body: part()?.trim_end().to_owned(),
    })
}
