//! The command line, run for real.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::support::query;

fn codegen(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_codegen"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("it runs")
}

fn git(directory: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("git runs")
        .status;
    assert!(status.success(), "git {arguments:?}");
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(directory.path().join("operations/test")).expect("created");
    fs::create_dir_all(directory.path().join("generated")).expect("created");
    fs::write(
        directory.path().join("operations/test/get.yaml"),
        query("{ type: object }", "{ type: string }"),
    )
    .expect("written");
    directory
}

#[test]
fn outside_a_repository() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = codegen(directory.path(), &["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("run this inside the repository"), "{}", text(&output));
}

#[test]
fn check_is_stale_until_generated() {
    let project = project();
    let stale = codegen(project.path(), &["check"]);
    assert_eq!(stale.status.code(), Some(1), "{}", text(&stale));
    assert!(text(&stale).contains("stale: generated/src/test/get.rs"));
    assert!(!project.path().join("generated/src").exists(), "check writes nothing");
    let below = project.path().join("operations/test");
    assert!(codegen(&below, &[]).status.success(), "the root is found upwards");
    let fresh = codegen(project.path(), &["check"]);
    assert!(fresh.status.success(), "{}", text(&fresh));
    assert!(text(&fresh).starts_with("1 operations, 0 errors, 0 warnings, 0 stale files, "));
}

#[test]
fn nothing_is_written_when_anything_is_wrong() {
    let project = project();
    fs::write(project.path().join("operations/test/bad.yaml"), "type: querry\n").expect("written");
    let output = codegen(project.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("operations/test/bad.yaml:1:7: error[OP0013]"), "{}", text(&output));
    assert_eq!(fs::read_dir(project.path().join("generated")).expect("readable").count(), 0);
    let github = codegen(project.path(), &["check", "--format", "github"]);
    assert!(text(&github).contains("::error file=operations/test/bad.yaml,line=1,col=7,title=OP0013::"));
}

#[test]
fn new_never_overwrites() {
    let project = project();
    for kind in ["query", "mutation", "subscription"] {
        let id = format!("test.{kind}Things");
        let output = codegen(project.path(), &["new", &id, "--type", kind]);
        assert!(output.status.success(), "{}", text(&output));
        assert!(project.path().join(format!("operations/test/{kind}Things.yaml")).exists());
        let handler = project.path().join(format!("src/operations/test/{kind}_things.rs"));
        syn::parse_file(&fs::read_to_string(handler).expect("the handler is there")).expect("it parses");
        let again = codegen(project.path(), &["new", &id]);
        assert_eq!(again.status.code(), Some(2));
        assert!(text(&again).contains("exists already"));
    }
    assert!(codegen(project.path(), &["check"]).status.success());
    for wrong in ["test", "test.Get-It", "Test.get", "test.a.b", "../x.y"] {
        assert_eq!(codegen(project.path(), &["new", wrong]).status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn diff_against_a_revision() {
    let project = project();
    git(project.path(), &["init", "-q"]);
    git(project.path(), &["add", "."]);
    git(project.path(), &["commit", "-q", "-m", "one"]);
    let same = codegen(project.path(), &["diff", "--against", "HEAD"]);
    assert!(same.status.success() && text(&same).contains("0 breaking, 0 risky, 0 safe"), "{}", text(&same));
    let file = project.path().join("operations/test/get.yaml");
    let changed = query("{ type: object }", "{ type: integer }");
    fs::write(&file, &changed).expect("written");
    let broken = codegen(project.path(), &["diff", "--against", "HEAD", "--json"]);
    assert_eq!(broken.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&broken.stdout).expect("it is JSON");
    assert_eq!(json[0]["rule"], "schema-type-changed");
    assert_eq!(json[0]["line"], 8);
    fs::write(&file, changed + "version: 2.0.0\n").expect("written");
    assert!(codegen(project.path(), &["diff", "--against", "HEAD"]).status.success());
    let unknown = codegen(project.path(), &["diff", "--against", "nowhere"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown).contains("the revision `nowhere` is unknown"));
}

#[test]
fn a_shallow_clone_is_told_from_a_wrong_revision() {
    let project = project();
    git(project.path(), &["init", "-q"]);
    for message in ["one", "two"] {
        git(project.path(), &["add", "."]);
        git(project.path(), &["commit", "-q", "--allow-empty", "-m", message]);
    }
    let clone = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}", project.path().display());
    git(clone.path(), &["clone", "-q", "--depth", "1", &url, "."]);
    fs::create_dir_all(clone.path().join("generated")).expect("created");
    let output = codegen(clone.path(), &["diff", "--against", "HEAD~1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("this clone is shallow"), "{}", text(&output));
}
