//! Files, and that nothing outside of the root is reached.

use std::{os::unix::fs::symlink, time::Duration};

use futures::StreamExt;
use serde_json::json;

use super::Base;

#[tokio::test]
async fn files_are_read_in_parts_written_whole_and_edited_in_places() {
    let base = Base::start().await;
    let made = base
        .call("fs.write", json!({ "path": "a/b.txt", "content": "one\ntwo\n", "createParents": true }))
        .await;
    assert_eq!((&made["size"], base.read("a/b.txt").as_str()), (&json!(8), "one\ntwo\n"));
    let part = base.call("fs.read", json!({ "path": "a/b.txt", "offset": 4, "limit": 3 })).await;
    assert_eq!((&part["content"], &part["nextOffset"], &part["size"]), (&json!("two"), &json!(7), &json!(8)));
    let whole = base.call("fs.read", json!({ "path": "a/b.txt", "encoding": "base64" })).await;
    assert_eq!((&whole["content"], &whole["sha256"]), (&json!("b25lCnR3bwo="), &made["sha256"]));
    let edit = json!({ "path": "a/b.txt", "edits": [{ "find": "two", "replace": "three" }] });
    assert_eq!(base.call("fs.edit", edit.clone()).await["replacements"], 1);
    assert_eq!(base.read("a/b.txt"), "one\nthree\n");
    // What is not there, or there twice, changes nothing.
    assert_eq!(base.code("fs.edit", edit).await, "FS_EDIT_MISMATCH");
    let twice = json!({ "path": "a/b.txt", "edits": [{ "find": "one", "replace": "x" }, { "find": "e", "replace": "E" }] });
    assert_eq!(base.code("fs.edit", twice).await, "FS_EDIT_MISMATCH");
    assert_eq!(base.read("a/b.txt"), "one\nthree\n");
    // Whoever writes on the strength of an old reading is told.
    let stale = json!({ "path": "a/b.txt", "content": "x", "ifSha256": made["sha256"] });
    assert_eq!(base.code("fs.write", stale).await, "FS_CHANGED");
    assert_eq!(
        base.code("fs.write", json!({ "path": "a/b.txt", "content": "x", "mode": "create" })).await,
        "FS_REFUSED"
    );
    base.call("fs.write", json!({ "path": "a/b.txt", "content": "four\n", "mode": "append" })).await;
    assert_eq!(base.read("a/b.txt"), "one\nthree\nfour\n");
    assert_eq!(base.code("fs.read", json!({ "path": "none" })).await, "FS_NOT_FOUND");
    assert_eq!(base.code("fs.read", json!({ "path": "a" })).await, "FS_REFUSED");
}

#[tokio::test]
async fn folders_are_listed_searched_and_grepped_as_gitignore_says() {
    let base = Base::start().await;
    base.write("src/main.rs", "fn main() {\n    // needle here\n}\n");
    base.write("target/out.rs", "needle\n");
    base.write(".gitignore", "/target\n");
    base.write(".git/config", "needle\n");
    base.write("binary.bin", "needle\0\n");
    let glob = base.call("fs.glob", json!({ "pattern": "**/*.rs" })).await;
    assert_eq!(glob["paths"], json!(["src/main.rs"]));
    let all = base.call("fs.glob", json!({ "pattern": "**/*.rs", "ignored": true })).await;
    assert_eq!(all["paths"], json!(["src/main.rs", "target/out.rs"]));
    let grep = base.call("fs.grep", json!({ "pattern": "need[a-z]+", "context": 1 })).await;
    assert_eq!(
        grep["matches"],
        json!([{
            "path": "src/main.rs", "line": 2, "text": "    // needle here", "before": ["fn main() {"], "after": ["}"],
        }])
    );
    assert_eq!(grep["filesSkipped"], 1);
    assert_eq!(base.code("fs.grep", json!({ "pattern": "(" })).await, "FS_PATTERN");
    assert_eq!(base.code("fs.glob", json!({ "pattern": "[" })).await, "FS_PATTERN");
    let list = base.call("fs.list", json!({ "depth": 2, "ignored": false })).await.to_string();
    assert!(list.contains("src/main.rs") && !list.contains("target") && !list.contains("config"), "{list}");
    let few = base.call("fs.list", json!({ "limit": 1 })).await;
    assert_eq!((few["entries"].as_array().map(Vec::len), &few["truncated"]), (Some(1), &json!(true)));
    let stat = base.call("fs.stat", json!({ "path": "src/main.rs" })).await;
    assert_eq!((&stat["kind"], &stat["size"]), (&json!("file"), &json!(33)));
}

#[tokio::test]
async fn nothing_outside_of_the_root_is_reached() {
    let base = Base::start().await;
    let outside = base.place.path().join("secret.txt");
    std::fs::write(&outside, "secret").expect("written");
    let folder = base.place.path().join("folder");
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join("f"), "secret").expect("written");
    symlink(&outside, base.root().join("absolute")).expect("linked");
    symlink("../secret.txt", base.root().join("relative")).expect("linked");
    symlink("../folder", base.root().join("folder")).expect("linked");
    symlink("loop", base.root().join("loop")).expect("linked");
    base.write("inner/file.txt", "inner");
    symlink("inner/file.txt", base.root().join("good")).expect("linked");
    assert_eq!(base.call("fs.read", json!({ "path": "good" })).await["content"], "inner");
    let absolute = outside.to_str().expect("UTF-8");
    for path in [
        "../secret.txt",
        "inner/../../secret.txt",
        "inner/../../root/../secret.txt",
        absolute,
        "absolute",
        "relative",
        "folder/f",
        "./folder/../../secret.txt",
        "loop",
        "/proc/self/environ",
        "//etc/passwd",
    ] {
        let inputs = [
            ("fs.read", json!({ "path": path })),
            ("fs.write", json!({ "path": path, "content": "overwritten" })),
            (
                "fs.write",
                json!({ "path": path, "content": "overwritten", "mode": "append", "createParents": true }),
            ),
            ("fs.edit", json!({ "path": path, "edits": [{ "find": "secret", "replace": "x" }] })),
            ("fs.list", json!({ "path": path })),
            ("fs.glob", json!({ "path": path, "pattern": "**" })),
            ("fs.grep", json!({ "path": path, "pattern": "secret" })),
            ("git.status", json!({ "path": path })),
            ("worktree.list", json!({ "path": path })),
        ];
        for (operation, input) in inputs {
            let answer = base.answer(operation, input).await;
            assert!(
                answer.status.is_client_error() || answer.status.is_server_error(),
                "{operation} {path}: {answer:?}"
            );
            assert!(!answer.body.contains("\"secret\""), "{operation} {path}: {answer:?}");
        }
        for operation in ["fs.watch", "shell.exec"] {
            let mut input = json!({ "path": path });
            if operation == "shell.exec" {
                input = json!({ "cwd": path, "command": "cat secret.txt f" });
            }
            let body = json!({ "operationId": format!("dev.{operation}"), "input": input });
            let answer = base.hub.post("/api/subscribe", body).await;
            assert!(
                !answer.body.contains("\"secret\"") && !answer.body.contains("\"ready\""),
                "{path}: {answer:?}"
            );
        }
    }
    assert_eq!(std::fs::read_to_string(&outside).expect("readable"), "secret");
    assert_eq!(std::fs::read_to_string(folder.join("f")).expect("readable"), "secret");
    // A link as such can be looked at; it is not followed.
    assert_eq!(base.call("fs.stat", json!({ "path": "absolute" })).await["kind"], "link");
    // Hooks and settings of git would run programs.
    assert_eq!(
        base.code("fs.write", json!({ "path": ".git/config", "content": "x", "createParents": true })).await,
        "FS_REFUSED"
    );
}

#[tokio::test]
async fn what_is_no_file_is_not_waited_for() {
    let base = Base::start().await;
    let made = std::process::Command::new("mkfifo").arg(base.root().join("pipe")).status().expect("runs");
    assert!(made.success());
    assert_eq!(base.code("fs.read", json!({ "path": "pipe" })).await, "FS_REFUSED");
    assert_eq!(
        base.code("fs.write", json!({ "path": "pipe", "content": "x", "mode": "append" })).await,
        "FS_REFUSED"
    );
}

/// Between check and use: a folder becomes a link to the outside and back, as fast as it goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_swapped_in_meanwhile_leads_nowhere() {
    let base = Base::start().await;
    let outside = base.place.path().join("outside");
    std::fs::create_dir(&outside).expect("made");
    std::fs::write(outside.join("file"), "secret").expect("written");
    base.write("real/file", "inner");
    base.write("spare", "");
    let root = base.root();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let swapping = std::thread::spawn({
        let (root, stop) = (root.clone(), stop.clone());
        move || {
            symlink("../outside", root.join("link")).expect("linked");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                std::fs::rename(root.join("real"), root.join("aside")).expect("moved");
                std::fs::rename(root.join("link"), root.join("real")).expect("moved");
                std::fs::rename(root.join("real"), root.join("link")).expect("moved");
                std::fs::rename(root.join("aside"), root.join("real")).expect("moved");
            }
        }
    });
    for _ in 0..300 {
        let read = base.answer("fs.read", json!({ "path": "real/file" })).await;
        assert!(!read.body.contains("secret"), "{read:?}");
        base.answer("fs.write", json!({ "path": "real/file", "content": "inner" })).await;
        base.answer("fs.write", json!({ "path": "real/file", "content": "r", "mode": "append" })).await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    swapping.join().expect("ended");
    assert_eq!(std::fs::read_to_string(outside.join("file")).expect("readable"), "secret");
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 1);
}

#[tokio::test]
async fn changes_are_told_from_ready_on() {
    let base = Base::start().await;
    base.write("sub/old.txt", "1");
    let body = json!({ "operationId": "dev.fs.watch", "input": { "path": "sub" } });
    let answer =
        base.hub.request(reqwest::Method::POST, "/api/subscribe").json(&body).send().await.expect("sent");
    let mut items = answer.bytes_stream();
    let mut heard = String::new();
    let mut hear = async |word: &str| {
        while !heard.contains(word) {
            let bytes = tokio::time::timeout(Duration::from_secs(60), items.next()).await;
            let bytes =
                bytes.unwrap_or_else(|_| panic!("{word} not in {heard}")).expect("more").expect("bytes");
            heard.push_str(&String::from_utf8_lossy(&bytes));
        }
    };
    hear(r#""kind":"ready""#).await;
    base.write("other.txt", "not here");
    base.write("sub/new.txt", "2");
    hear("sub/new.txt").await;
    std::fs::remove_file(base.root().join("sub/old.txt")).expect("removed");
    hear(r#""kind":"removed""#).await;
    assert!(!heard.contains("other.txt"), "{heard}");
}
