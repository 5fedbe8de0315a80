//! `git.commit`

use alkhub_api::git::commit::{Commit, Error, Input, Output};
use alkhub_core::{Call, Handle};

use crate::spoke::Spoke;

impl Handle<Commit> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        if input.all {
            self.git(&input.path, &["add", "--all", "--", "."]).await?;
        } else if let Some(files) = input.files.as_deref().filter(|files| !files.is_empty()) {
            let mut arguments = vec!["add", "--all", "--"];
            arguments.extend(files.iter().map(String::as_str));
            self.git(&input.path, &arguments).await?;
        }
        let name = input.author_name.map(|name| format!("user.name={name}"));
        let email = input.author_email.map(|email| format!("user.email={email}"));
        let mut arguments = Vec::new();
        for setting in [&name, &email].into_iter().flatten() {
            arguments.extend(["-c", setting]);
        }
        let message = format!("--message={}", input.message);
        arguments.extend(["commit", "--quiet", "--no-verify", "--no-gpg-sign", &message]);
        self.git(&input.path, &arguments).await?;
        let commit = self.git(&input.path, &["rev-parse", "HEAD"]).await?;
        Ok(Output { commit: commit.text.trim().to_owned() })
    }
}
