//! The operations of a git revision.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use crate::SourceTree;

/// Reads `operations/` as it was.
pub(super) fn sources(root: &Path, revision: &str) -> Result<SourceTree, String> {
    if revision.starts_with('-') || revision.is_empty() {
        return Err(format!("`{revision}` is not a revision"));
    }
    let commit = format!("{revision}^{{commit}}");
    if run(root, &["rev-parse", "--verify", "--quiet", &commit]).is_err() {
        return Err(unknown(root, revision));
    }
    let listing = run(root, &["ls-tree", "-r", "-z", revision, "--", "operations"])?;
    let mut wanted: Vec<(String, String)> = Vec::new();
    for entry in String::from_utf8_lossy(&listing).split('\0') {
        let Some((head, path)) = entry.split_once('\t') else { continue };
        let mut words = head.split(' ').skip(1);
        if let (Some("blob"), Some(object)) = (words.next(), words.next()) {
            let inside = path.strip_prefix("operations/").unwrap_or(path);
            wanted.push((object.to_owned(), inside.to_owned()));
        }
    }
    let mut tree = SourceTree::new("operations");
    let objects: Vec<&str> = wanted.iter().map(|(object, _)| object.as_str()).collect();
    for ((_, path), bytes) in wanted.iter().zip(contents(root, &objects)?) {
        tree.insert(path.clone(), bytes);
    }
    Ok(tree)
}

fn unknown(root: &Path, revision: &str) -> String {
    let shallow = run(root, &["rev-parse", "--is-shallow-repository"]);
    match shallow {
        Ok(answer) if answer.starts_with(b"true") => format!(
            "the revision `{revision}` is unknown here, and this clone is shallow; fetch the history with `git fetch --unshallow`, or check out with fetch-depth: 0"
        ),
        Ok(_) => format!("the revision `{revision}` is unknown; `git fetch` it first, or check its spelling"),
        Err(message) => message,
    }
}

fn run(root: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("git cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(if message.is_empty() { format!("git {} failed", arguments.join(" ")) } else { message })
}

/// The contents of objects, all through one process.
fn contents(root: &Path, objects: &[&str]) -> Result<Vec<Vec<u8>>, String> {
    let failed = |error: std::io::Error| format!("git cannot be run: {error}");
    let mut child = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let input = objects.join("\n") + "\n";
    let stdin = child.stdin.take();
    // Written from the side: both pipes would fill up otherwise.
    let writer = thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().map_err(failed)?;
    let _ = writer.join();
    parse(&output.stdout, objects.len()).ok_or_else(|| "git gave an answer that cannot be read".to_owned())
}

/// `<object> blob <size>\n<bytes>\n`, for each.
fn parse(mut rest: &[u8], count: usize) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::with_capacity(count);
    for _ in 0..count {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let head = std::str::from_utf8(&rest[..end]).ok()?;
        let size: usize = head.rsplit(' ').next()?.parse().ok()?;
        let body = rest.get(end + 1..end + 1 + size)?;
        found.push(body.to_vec());
        rest = rest.get(end + 2 + size..)?;
    }
    Some(found)
}
