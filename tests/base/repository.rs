//! Git and working trees.

use serde_json::json;

use super::Base;

async fn repository() -> Base {
    let base = Base::start().await;
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git")
            .args(arguments)
            .current_dir(base.root())
            .output()
            .expect("git runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["config", "user.name", "Somebody"]);
    git(&["config", "user.email", "somebody@localhost"]);
    base.write("a.txt", "one\n");
    git(&["add", "a.txt"]);
    git(&["commit", "--quiet", "--message", "first\n\nwith a body"]);
    base
}

#[tokio::test]
async fn a_day_of_work() {
    let base = repository().await;
    let clean = base.call("git.status", json!({})).await;
    assert_eq!((&clean["branch"], &clean["clean"]), (&json!("main"), &json!(true)));
    base.write("a.txt", "two\n");
    base.write("ünusual \"name\"\n.txt", "new\n");
    let status = base.call("git.status", json!({})).await;
    assert_eq!(
        status["changes"],
        json!([
            { "path": "a.txt", "index": ".", "worktree": "M" },
            { "path": "ünusual \"name\"\n.txt", "index": "?", "worktree": "?" },
        ])
    );
    let diff = base.call("git.diff", json!({})).await["diff"].to_string();
    assert!(diff.contains("-one") && diff.contains("+two"), "{diff}");
    let branches = base.call("git.branch", json!({ "create": "work", "checkout": "work" })).await;
    assert_eq!(branches, json!({ "current": "work", "branches": ["main", "work"] }));
    let made = base
        .call(
            "git.commit",
            json!({ "message": "second", "all": true, "authorName": "An Agent", "authorEmail": "a@b" }),
        )
        .await;
    let log = base.call("git.log", json!({ "limit": 5 })).await;
    let commits = log["commits"].as_array().expect("a list");
    assert_eq!(commits.len(), 2);
    assert_eq!((&commits[0]["commit"], &commits[0]["authorName"]), (&made["commit"], &json!("An Agent")));
    assert_eq!((&commits[1]["subject"], &commits[1]["body"]), (&json!("first"), &json!("with a body")));
    assert_eq!(commits[0]["parents"], json!([commits[1]["commit"]]));
    let shown = base.call("git.show", json!({ "commit": "main", "file": "a.txt" })).await;
    assert_eq!(shown["text"], "one\n");
    assert!(base.call("git.show", json!({})).await["text"].to_string().contains("second"));
    let between = base.call("git.diff", json!({ "from": "main", "to": "work", "files": ["a.txt"] })).await;
    assert!(between["diff"].to_string().contains("+two"));
}

#[tokio::test]
async fn names_are_never_taken_for_flags_and_nothing_of_the_repository_runs() {
    let base = repository().await;
    for (operation, input) in [
        ("git.log", json!({ "from": "--output=out.txt" })),
        ("git.show", json!({ "commit": "--output=out.txt" })),
        ("git.diff", json!({ "from": "--no-index", "to": "/etc/passwd" })),
        ("git.branch", json!({ "create": "--force" })),
        ("git.branch", json!({ "checkout": "--orphan" })),
        ("worktree.create", json!({ "branch": "x", "base": "--detach" })),
    ] {
        let code = base.code(operation, input.clone()).await;
        assert!(code == "GIT_FAILED" || code == "VALIDATION_ERROR", "{operation} {input}: {code}");
    }
    assert!(!base.root().join("out.txt").exists());
    // Settings and hooks of a repository are not trusted to name programs.
    base.write(".git/hooks/pre-commit", "#!/bin/sh\ntouch hooked\n");
    let hook = base.root().join(".git/hooks/pre-commit");
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    let config = base.read(".git/config");
    base.write(".git/config", &format!("{config}\n[core]\n\tfsmonitor = touch monitored\n\tpager = touch paged\n[diff]\n\texternal = touch diffed\n"));
    base.write("a.txt", "three\n");
    base.call("git.status", json!({})).await;
    base.call("git.diff", json!({})).await;
    base.call("git.commit", json!({ "message": "m", "all": true })).await;
    for trace in ["hooked", "monitored", "paged", "diffed"] {
        assert!(!base.root().join(trace).exists(), "{trace}");
    }
    // A folder that is no repository does not become one of a repository above the root.
    let outer =
        std::process::Command::new("git").args(["init", "--quiet"]).current_dir(base.place.path()).status();
    assert!(outer.expect("git runs").success());
    std::fs::rename(base.root().join(".git"), base.place.path().join("away")).expect("moved");
    assert_eq!(base.code("git.status", json!({})).await, "GIT_FAILED");
}

#[tokio::test]
async fn working_trees_come_and_go_and_changes_are_not_lost() {
    let base = repository().await;
    let made = base.call("worktree.create", json!({ "branch": "My task_1" })).await;
    assert_eq!(made["branch"], "my-task-1", "{made}");
    let path = made["path"].as_str().expect("a path").to_owned();
    assert!(base.root().join(&path).join("a.txt").exists());
    let listed = base.call("worktree.list", json!({})).await;
    assert_eq!(listed["worktrees"].as_array().map(Vec::len), Some(2), "{listed}");
    base.write(&format!("{path}/a.txt"), "changed\n");
    assert_eq!(base.code("worktree.remove", json!({ "branch": "my-task-1" })).await, "WORKTREE_DIRTY");
    base.call("worktree.remove", json!({ "branch": "my-task-1", "force": true })).await;
    assert!(!base.root().join(&path).exists());
    assert_eq!(base.code("worktree.create", json!({ "branch": "../../escape" })).await, "VALIDATION_ERROR");
}

/// Runs git as whoever owns the machine would.
fn git(folder: &std::path::Path, arguments: &[&str]) {
    let done =
        std::process::Command::new("git").args(arguments).current_dir(folder).output().expect("git runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn programs_that_the_settings_of_a_repository_name_do_not_run() {
    let base = repository().await;
    let root = base.root();
    base.write("run.sh", "#!/bin/sh\ntouch \"$(dirname \"$0\")/ran\"\nexec cat\n");
    std::fs::set_permissions(root.join("run.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("set");
    let program = root.join("run.sh");
    let program = program.to_str().expect("UTF-8");
    for (name, value) in [
        ("filter.a=b.clean", program),
        ("filter.a=b.smudge", program),
        ("filter.a=b.required", "true"),
        ("log.showSignature", "true"),
        ("gpg.program", program),
        ("gc.recentObjectsHook", program),
    ] {
        git(&root, &["config", name, value]);
    }
    base.write(".gitattributes", "*.txt filter=a=b\n");
    base.write("a.txt", "changed\n");
    assert!(base.call("git.diff", json!({})).await["diff"].to_string().contains("+changed"));
    base.call("git.status", json!({})).await;
    base.call("git.commit", json!({ "message": "m", "all": true })).await;
    base.call("git.log", json!({})).await;
    base.call("git.branch", json!({ "create": "x", "checkout": "x" })).await;
    base.call("worktree.create", json!({ "branch": "y" })).await;
    assert!(!root.join("ran").exists());
}

#[tokio::test]
async fn git_stays_below_the_root() {
    let base = repository().await;
    let (root, outside) = (base.root(), base.place.path().join("outside"));
    std::fs::create_dir(&outside).expect("made");
    std::fs::write(outside.join("secret.txt"), "the secret\n".repeat(100_000)).expect("written");
    git(&outside, &["init", "--quiet"]);
    git(
        &outside,
        &[
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@y",
            "commit",
            "--quiet",
            "--allow-empty",
            "--message",
            "hidden",
        ],
    );
    // Files are no commits, also where there is one that is called `--`.
    base.write("--", &"x\n".repeat(600_000));
    let secret = outside.join("secret.txt");
    let secret = secret.to_str().expect("UTF-8");
    for input in [
        json!({ "from": secret }),
        json!({ "from": secret, "to": "HEAD" }),
        json!({ "from": "HEAD", "to": secret }),
    ] {
        assert_eq!(base.code("git.diff", input).await, "GIT_FAILED");
    }
    // A working tree goes where nothing is, not even a link.
    std::fs::create_dir(base.place.path().join("empty")).expect("made");
    std::fs::create_dir_all(root.join(".worktrees")).expect("made");
    std::os::unix::fs::symlink("../../empty", root.join(".worktrees/led")).expect("linked");
    assert_ne!(base.answer("worktree.create", json!({ "branch": "led" })).await.status, 200);
    assert_eq!(std::fs::read_dir(base.place.path().join("empty")).expect("there").count(), 0);
    // Neither the settings nor the place of the repository lead out.
    git(&root, &["config", "core.worktree", outside.to_str().expect("UTF-8")]);
    assert_eq!(base.code("git.status", json!({})).await, "GIT_FAILED");
    std::fs::rename(root.join(".git"), base.place.path().join("away")).expect("moved");
    std::os::unix::fs::symlink("../outside/.git", root.join(".git")).expect("linked");
    for (operation, input) in [("git.log", json!({})), ("git.show", json!({})), ("git.status", json!({}))] {
        assert_eq!(base.code(operation, input).await, "GIT_FAILED", "{operation}");
    }
    std::fs::remove_file(root.join(".git")).expect("removed");
    std::fs::write(root.join(".git"), "gitdir: ../outside/.git\n").expect("written");
    assert_eq!(base.code("git.log", json!({})).await, "GIT_FAILED");
}

#[tokio::test]
async fn no_link_leads_into_what_git_keeps() {
    let base = repository().await;
    std::os::unix::fs::symlink(".git", base.root().join("link")).expect("linked");
    let before = base.read(".git/config");
    for path in ["link/config", "link/hooks/new/post-checkout", ".GIT/config"] {
        let input = json!({ "path": path, "content": "x", "createParents": true });
        assert_ne!(base.answer("fs.write", input).await.status, 200, "{path}");
    }
    let edit = json!({ "path": "link/config", "edits": [{ "old": "Somebody", "new": "x" }] });
    assert_ne!(base.answer("fs.edit", edit).await.status, 200);
    assert_eq!(base.read(".git/config"), before);
    assert!(!base.root().join(".git/hooks/new").exists());
}
