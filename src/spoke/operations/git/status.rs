//! `git.status`

use alkhub_api::git::status::{Error, Input, Output, OutputChangesItem, Status};
use alkhub_core::{Call, Handle};

use crate::spoke::Spoke;

impl Handle<Status> for Spoke {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let arguments = ["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all"];
        let printed = self.git(&input.path, &arguments).await?;
        Ok(read(&printed.text, printed.truncated))
    }
}

/// Reads git's second porcelain format, whose parts end with NUL (git-status(1)).
fn read(text: &str, truncated: bool) -> Output {
    let mut output = Output {
        branch: None,
        commit: None,
        upstream: None,
        ahead: None,
        behind: None,
        clean: true,
        truncated,
        changes: Vec::new(),
    };
    let mut parts = text.split('\0');
    while let Some(part) = parts.next() {
        if let Some(header) = part.strip_prefix("# branch.") {
            head(&mut output, header);
        } else if let Some(path) = part.strip_prefix("? ") {
            output.changes.push(change(path, None, "?", "?"));
        } else {
            // `1 XY sub mH mI mW hH hI path`, `2 ... score path`, `u XY sub m1 m2 m3 mW h1 h2 h3 path`
            let fields = match part.as_bytes().first() {
                Some(b'1') => 9,
                Some(b'2') => 10,
                Some(b'u') => 11,
                _ => continue,
            };
            let mut split = part.splitn(fields, ' ');
            let (states, path) = (split.nth(1).unwrap_or(".."), split.last().unwrap_or_default());
            let (index, worktree) = states.split_at_checked(1).unwrap_or((".", "."));
            let from = if fields == 10 { parts.next() } else { None };
            output.changes.push(change(path, from, index, worktree));
        }
    }
    output.clean = output.changes.is_empty();
    output
}

fn head(output: &mut Output, header: &str) {
    match header.split_once(' ') {
        Some(("oid", commit)) if commit != "(initial)" => output.commit = Some(commit.to_owned()),
        Some(("head", branch)) if branch != "(detached)" => output.branch = Some(branch.to_owned()),
        Some(("upstream", upstream)) => output.upstream = Some(upstream.to_owned()),
        Some(("ab", counts)) => {
            let mut counts = counts.split(' ').map(|count| count[1..].parse().ok());
            (output.ahead, output.behind) = (counts.next().flatten(), counts.next().flatten());
        }
        _ => {}
    }
}

fn change(path: &str, from: Option<&str>, index: &str, worktree: &str) -> OutputChangesItem {
    OutputChangesItem {
        path: path.to_owned(),
        from: from.map(str::to_owned),
        index: index.to_owned(),
        worktree: worktree.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn every_kind_of_line() {
        let text = "# branch.oid abc\0# branch.head main\0# branch.upstream origin/main\0# branch.ab +2 -1\0\
            1 .M N... 100644 100644 100644 a b with space.txt\0\
            2 R. N... 100644 100644 100644 a b R100 new\0old\0? untracked\0u UU N... 1 2 3 4 a b c both\0";
        let status = read(text, false);
        assert_eq!(status.branch.as_deref(), Some("main"));
        assert_eq!((status.ahead, status.behind), (Some(2), Some(1)));
        let paths: Vec<_> = status.changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["with space.txt", "new", "untracked", "both"]);
        assert_eq!(status.changes[1].from.as_deref(), Some("old"));
        assert_eq!(status.changes[0].worktree, "M");
        assert!(!status.clean);
    }
}
