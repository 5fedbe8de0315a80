//! Every rule can be broken: small trees in which it does not hold, and some that only look so.

use super::{contract, files, packages, paths, tree::Tree};

/// Where the rule is broken in these files.
fn places(rule: fn(&Tree) -> Vec<String>, files: &[(&str, &str)]) -> Vec<String> {
    let place = |violation: String| violation.split(": ").next().unwrap_or_default().to_owned();
    rule(&Tree::of(files)).into_iter().map(place).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn packages_that_know_too_much() {
    let judge = |package: &str, kind: &str, to: &str| {
        packages::judge(&[(package.to_owned(), kind.to_owned(), to.to_owned())]).len()
    };
    assert_eq!(judge("alkhub-core", "normal", "alkhub-api"), 1);
    assert_eq!(judge("alkhub-core", "normal", "sea-orm"), 1);
    assert_eq!(judge("alkhub-api", "normal", "alkhub-codegen"), 1);
    assert_eq!(judge("alkhub", "normal", "alkhub-testkit"), 1);
    assert_eq!(judge("newcomer", "normal", "serde"), 1);
    assert_eq!(judge("alkhub", "dev", "alkhub-testkit"), 0);
    assert_eq!(judge("alkhub-api", "build", "alkhub-codegen"), 0);
    assert_eq!(judge("alkhub", "normal", "sea-orm"), 0);
}

#[test]
fn paths_that_are_for_others() {
    let found = |path, text| places(paths::knowledge, &[(path, text)]);
    assert_eq!(
        found("src/hub.rs", "\nuse ::sea_orm::{self as orm, Database};"),
        ["src/hub.rs:2", "src/hub.rs:2"]
    );
    assert_eq!(found("src/hub.rs", "type Pool =\n    sqlx::SqlitePool;"), ["src/hub.rs:2"]);
    assert_eq!(found("src/hub.rs", "fn f() { run!(redis::cmd(\"PING\")) }"), ["src/hub.rs:1"]);
    assert_eq!(found("src/hub.rs", "use poem_openapi::{OpenApi, registry::{MetaApi}};"), ["src/hub.rs:1"]);
    assert_eq!(
        found("src/operations/a/b.rs", "use tokio::{sync, net::TcpStream};"),
        ["src/operations/a/b.rs:1"]
    );
    assert_eq!(found("core/src/call.rs", "fn f(r: poem::Request) {}"), ["core/src/call.rs:1"]);
    assert_eq!(found("src/hub.rs", "use redis as r; extern crate sqlx;"), ["src/hub.rs:1", "src/hub.rs:1"]);
    assert_eq!(found("src/web/fetch.rs", "use reqwest::Client;"), ["src/web/fetch.rs:1"]);
    assert_eq!(found("src/imports/a.rs", "fn a() { reqwest::Client::new(); }"), ["src/imports/a.rs:1"]);
    assert_eq!(found("src/hub.rs", "use cap_std::fs::Dir;"), ["src/hub.rs:1"]);
    assert_eq!(found("src/spoke/git.rs", "fn f() { std::fs::read(path) }"), ["src/spoke/git.rs:1"]);
    assert_eq!(found("core/src/call.rs", "use tokio_tungstenite::accept_async;"), ["core/src/call.rs:1"]);
    // At home, by the same name, or only spoken of.
    assert_eq!(found("src/storage/keys.rs", "use sea_orm::Database;"), NONE);
    assert_eq!(found("src/hub.rs", "use crate::bus::redis::connect;\nlet at = config.redis;"), NONE);
    assert_eq!(found("src/hub.rs", "//! Like sqlx::Pool.\nconst T: &str = \"sqlx::query\";"), NONE);
    assert_eq!(found("src/operations/a/b.rs", "use tokio::{sync, time::sleep}; fn net() {}"), NONE);
}

#[test]
fn sql_in_handlers() {
    let found = |text| places(paths::sql, &[("src/operations/a/b.rs", text)]);
    assert_eq!(found("fn f() { run(\n\"SELECT 1\") }"), ["src/operations/a/b.rs:2"]);
    assert_eq!(found("const S: &str = r#\"update t set a = 1\"#;"), ["src/operations/a/b.rs:1"]);
    assert_eq!(found("const S: &str = \"Update it; select another.\";"), NONE);
}

#[test]
fn files_out_of_form() {
    let long = "//! Long.\n".repeat(601);
    assert_eq!(places(files::length, &[("src/long.rs", &long)]), ["src/long.rs"]);
    assert_eq!(
        places(files::first_line, &[("src/a.rs", "use b;"), ("src/b.rs", "//! B.\n")]),
        ["src/a.rs:1"]
    );
    assert_eq!(places(files::agents, &[]), ["AGENTS.md"]);
    assert_eq!(places(files::agents, &[("AGENTS.md", &"line\n".repeat(81))]), ["AGENTS.md"]);
}

const ERRORS: (&str, &str) = (
    "operations/_shared/errors.yaml",
    "ABORTED:\n  status: 418\n  description: It ended.\n  infrastructure: true\n",
);

#[test]
fn errors_without_pages_and_pages_without_errors() {
    assert_eq!(places(contract::pages, &[ERRORS]), ["docs/errors/ABORTED.md"]);
    let page = (
        "docs/errors/ABORTED.md",
        "# ABORTED\n\n\"type\": \"/docs/errors/ABORTED\", \"code\": \"ABORTED\", \"status\": 418\n",
    );
    assert_eq!(places(contract::pages, &[ERRORS, page]), NONE);
    let stale = ("docs/errors/ABORTED.md", page.1.replace("418", "500"));
    assert_eq!(places(contract::pages, &[ERRORS, (stale.0, &stale.1)]), ["docs/errors/ABORTED.md"]);
    assert_eq!(places(contract::pages, &[("docs/errors/GONE.md", "# GONE\n")]), ["docs/errors/GONE.md"]);
    assert_eq!(places(contract::infrastructure, &[ERRORS]), ["operations/_shared/errors.yaml"]);
}

#[test]
fn operations_without_handlers_and_handlers_without_operations() {
    let info = include_str!("../../operations/hub/info.yaml");
    let operation = ("operations/hub/info.yaml", info);
    assert_eq!(places(contract::handlers, &[operation]), ["src/operations/hub/info.rs"]);
    let handler = ("src/operations/hub/info.rs", "//! Info.\n");
    assert_eq!(places(contract::handlers, &[operation, handler]), NONE);
    assert_eq!(places(contract::handlers, &[handler]), ["src/operations/hub/info.rs"]);
}
