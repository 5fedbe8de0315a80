//! The checker can fail: small trees that break each rule, and some that only look as if they did.

use super::{
    contract, files,
    manifest::{Table, parse},
    packages,
    paths::{Import, mentions},
    sources,
    tree::{Tree, Violation},
};

type Rule = fn(&Tree) -> Vec<Violation>;

/// Where the rule is broken in these files.
fn places(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
    rule(&Tree::of(files)).into_iter().map(|violation| violation.place).collect()
}

/// Where the rule is broken in one file of Rust.
fn places_in(rule: Rule, path: &str, text: &str) -> Vec<String> {
    places(rule, &[(path, text)])
}

const NONE: [&str; 0] = [];

#[test]
fn a_failure_says_place_rule_and_remedy() {
    let tree = Tree::of(&[("src/hub.rs", "//! Hub.\n\nuse sea_orm::Database;\n")]);
    assert_eq!(
        sources::storage(&tree).first().map(ToString::to_string).as_deref(),
        Some(
            "src/hub.rs:3: mentions `sea_orm::Database`\n  \
             rule:   within src, only src/storage knows sea-orm and sqlx\n  \
             remedy: put the query into a function of src/storage that takes and gives types of its own, and call that"
        )
    );
}

#[test]
fn sea_orm_outside_of_storage_is_found() {
    let found = |path, text| places_in(sources::storage, path, text);
    assert_eq!(found("src/hub.rs", "use ::sea_orm::{self as orm};"), ["src/hub.rs:1"]);
    assert_eq!(found("src/hub.rs", "#[sea_orm(table_name = \"t\")]"), ["src/hub.rs:1"]);
    assert_eq!(found("src/hub.rs", "type Pool =\n    sqlx::SqlitePool;"), ["src/hub.rs:2"]);
    assert_eq!(
        found("src/storage_more/mod.rs", "use sea_orm_migration::sea_orm;"),
        ["src/storage_more/mod.rs:1"]
    );
    assert_eq!(found("src/storage/keys.rs", "use sea_orm::Database;"), NONE);
    assert_eq!(found("migrations/src/lib.rs", "use sea_orm_migration::prelude::*;"), NONE);
}

#[test]
fn comments_and_messages_are_no_dependencies() {
    let text = "//! Like sea_orm::Database.\n/* sqlx::Pool /* and */ sqlx::Pool */\n\
                const TARGETS: &[&str] = &[\"sea_orm\", r#\"sqlx::query \"quoted\"\"#];\n\
                fn f<'sqlx>(c: char) -> bool { c == '\"' || c == '\\'' }";
    assert_eq!(places_in(sources::storage, "src/telemetry/filter.rs", text), NONE);
    let after = format!("{text}\nfn g() {{ sqlx::query() }}");
    assert_eq!(places_in(sources::storage, "src/telemetry/filter.rs", &after), ["src/telemetry/filter.rs:5"]);
}

#[test]
fn redis_outside_of_the_bus_is_found() {
    let found = |path, text| places_in(sources::bus, path, text);
    assert_eq!(found("src/server/mod.rs", "use redis::AsyncCommands;"), ["src/server/mod.rs:1"]);
    assert_eq!(found("src/server/mod.rs", "fn f(c: &redis::Client) {}"), ["src/server/mod.rs:1"]);
    assert_eq!(found("src/bus/redis.rs", "use redis::AsyncCommands;"), NONE);
    // A setting of that name, and the bus's own module.
    assert_eq!(
        found("src/server/mod.rs", "let redis = config.redis; crate::bus::redis::connect(redis);"),
        NONE
    );
}

#[test]
fn sockets_in_handlers_are_found() {
    let path = "src/operations/hub/info.rs";
    for text in [
        "use poem::Request;",
        "use hyper::body::Body;",
        "use tokio::{sync::Mutex, net::TcpStream};",
        "use tokio::*;",
        "use tokio as runtime;",
        "async fn f() { tokio::net::TcpStream::connect(\"a\").await; }",
        "use std::net::{IpAddr, UdpSocket};",
        "use sea_orm::EntityTrait;",
    ] {
        assert_eq!(places_in(sources::handlers, path, text), [format!("{path}:1")], "{text}");
    }
    for text in ["use tokio::sync::Mutex;", "use std::net::IpAddr;", "use tokio::{self, time};"] {
        assert_eq!(places_in(sources::handlers, path, text), NONE, "{text}");
    }
    assert_eq!(places_in(sources::handlers, "src/transport/http/mod.rs", "use poem::Request;"), NONE);
}

#[test]
fn sql_in_handlers_is_found() {
    let path = "src/operations/project/list.rs";
    for literal in [
        "SELECT name FROM projects",
        "select name\nfrom projects",
        "  INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "CREATE UNIQUE INDEX i ON t (a)",
        "PRAGMA journal_mode",
    ] {
        let text = format!("//! A.\nconst A: &str = \"{literal}\";");
        assert_eq!(places_in(sources::handlers, path, &text), [format!("{path}:2")], "{literal}");
    }
    for literal in
        ["Select a project from the list.", "update", "created from a set", "selected from a table"]
    {
        let text = format!("const A: &str = \"{literal}\";");
        assert_eq!(places_in(sources::handlers, path, &text), NONE, "{literal}");
    }
}

#[test]
fn transports_in_core_are_found() {
    let found = |text| places_in(sources::core, "core/src/engine/mod.rs", text);
    for text in ["use poem::Request;", "use sea_orm::Database;", "use redis::Client;", "use hyper::Uri;"] {
        assert_eq!(found(text), ["core/src/engine/mod.rs:1"], "{text}");
    }
    assert_eq!(found("use http_body::Body; use tokio::sync::Mutex;"), NONE);
}

#[test]
fn registry_types_outside_of_the_adapter_are_found() {
    let found = |path, text| places_in(sources::openapi, path, text);
    let api = "src/transport/http/api.rs";
    for text in [
        "use poem_openapi::{OpenApi, registry::MetaSchema};",
        "use poem_openapi::registry;",
        "use poem_openapi::*;",
        "use poem_openapi as oa;",
        "fn f(r: poem_openapi::registry::Registry) {}",
    ] {
        assert_eq!(found(api, text), [format!("{api}:1")], "{text}");
    }
    assert_eq!(found(api, "use poem_openapi::OpenApi;"), NONE);
    assert_eq!(
        found("src/transport/http/openapi/schema.rs", "use poem_openapi::registry::MetaSchema;"),
        NONE
    );
}

#[test]
fn imports_are_taken_apart() {
    let found = mentions("pub use a::{b as c, d::{self, e::*},\n  r#f};\nlet g: h::<i>::j = k;");
    let brief: Vec<(usize, String, Import)> =
        found.iter().map(|mention| (mention.line, mention.text(), mention.import)).collect();
    let expected = [
        (1, "pub", Import::No),
        (1, "a::b", Import::Hidden),
        (1, "a::d", Import::Plain),
        (1, "a::d::e", Import::Hidden),
        (2, "a::f", Import::Plain),
        (3, "let", Import::No),
        (3, "g", Import::No),
        (3, "h", Import::No),
        (3, "i", Import::No),
        (3, "j", Import::No),
        (3, "k", Import::No),
    ];
    assert_eq!(brief, expected.map(|(line, path, import)| (line, path.to_owned(), import)));
    // Text that is no Rust ends all the same.
    for broken in
        ["use", "use {", "use a::{{,", "use a::{;", "use a::{b}}", "\"", "'", "/*", "r#\"", "use ::::*"]
    {
        mentions(broken);
    }
}

#[test]
fn long_files_are_found() {
    let lines = |count: usize| "//! A.\n".repeat(count);
    let place = |count: usize, path: &str| places_in(files::length, path, &lines(count));
    assert_eq!(place(601, "src/a.rs"), ["src/a.rs:601"]);
    assert_eq!(place(600, "src/a.rs"), NONE);
    assert_eq!(place(601, "generated/src/a.rs"), NONE);
    assert_eq!(place(601, "generated/build.rs"), ["generated/build.rs:601"]);
}

#[test]
fn modules_without_a_doc_comment_are_found() {
    let found = |text| places_in(files::doc_comment, "src/a.rs", text);
    for text in ["", "use std::fs;\n//! Late.", "// A comment.", "/// Of the item below.\nmod b;", "//!\n"] {
        assert_eq!(found(text), ["src/a.rs:1"], "{text}");
    }
    assert_eq!(found("\n//! What it is.\nmod b;"), NONE);
}

#[test]
fn long_or_missing_notes_for_changes_are_found() {
    assert_eq!(places(files::agents, &[("AGENTS.md", &"a\n".repeat(81))]), ["AGENTS.md:81"]);
    assert_eq!(places(files::agents, &[("AGENTS.md", &"a\n".repeat(80))]), NONE);
    assert_eq!(places(files::agents, &[]), ["AGENTS.md:1"]);
}

const CATALOGUE: &str = "operations/_shared/errors.yaml";
const CODES: &str = "core/src/error.rs";
const PAGE: &str = "# GONE\n\"type\": \"/docs/errors/GONE\"\n\"code\": \"GONE\"\n\"status\": 404\n";

#[test]
fn codes_without_a_page_are_found() {
    let yaml = "# Codes.\nGONE:\n  infrastructure: true\n  status: 404\nNEW:\n  status: 409\n  details:\n    status: 1\n";
    let found = |files: &[(&str, &str)]| {
        let mut all = vec![(CATALOGUE, yaml)];
        all.extend(files);
        places(contract::pages, &all)
    };
    let new = PAGE.replace("GONE", "NEW").replace("404", "409");
    let (gone, new) = (("docs/errors/GONE.md", PAGE), ("docs/errors/NEW.md", new.as_str()));
    assert_eq!(found(&[gone, new]), NONE);
    assert_eq!(found(&[gone]), ["operations/_shared/errors.yaml:5"]);
    assert_eq!(found(&[gone, new, ("docs/errors/OLD.md", "# OLD\n")]), ["docs/errors/OLD.md:1"]);
    assert_eq!(found(&[gone, ("docs/errors/NEW.md", PAGE)]).len(), 4, "heading, type, code and status");
    assert_eq!(places(contract::pages, &[]), ["operations/_shared/errors.yaml:1"]);
}

#[test]
fn infrastructure_codes_that_differ_are_found() {
    let rust = |name: &str, value: &str| {
        format!("pub mod codes {{\n    pub const {name}: &str = \"{value}\";\n}}\n")
    };
    let found =
        |yaml: &str, rust: &str| places(contract::infrastructure, &[(CATALOGUE, yaml), (CODES, rust)]);
    let gone = "GONE:\n  infrastructure: true\n";
    assert_eq!(found(gone, &rust("GONE", "GONE")), NONE);
    assert_eq!(found("GONE:\n  status: 404\n", &rust("GONE", "GONE")), ["core/src/error.rs:2"]);
    assert_eq!(
        found(&format!("{gone}MORE:\n  infrastructure: true\n"), &rust("GONE", "GONE")),
        [format!("{CATALOGUE}:3")]
    );
    assert_eq!(found(gone, &rust("AWAY", "GONE")), ["core/src/error.rs:2"]);
    assert_eq!(found(gone, "pub mod codes {}"), ["core/src/error.rs:1"]);
}

#[test]
fn operations_without_a_handler_are_found() {
    let found = |files: &[(&str, &str)]| places(contract::handlers, files);
    let yaml = ("operations/demo/listForUser.yaml", "type: query\n");
    let rust = ("src/operations/demo/list_for_user.rs", "//! A.\n");
    let shared = ("operations/_shared/errors.yaml", "");
    assert_eq!(found(&[yaml, rust, shared, ("src/operations/demo/mod.rs", "")]), NONE);
    assert_eq!(found(&[yaml, shared]), ["operations/demo/listForUser.yaml:1"]);
    assert_eq!(found(&[rust]), ["src/operations/demo/list_for_user.rs:1"]);
    let spoke = ("operations/fs/read.yaml", "type: query\nhost: spoke # not the hub\n");
    assert_eq!(found(&[spoke, ("src/spoke/operations/fs/read.rs", "")]), NONE);
    assert_eq!(found(&[spoke, ("src/operations/fs/read.rs", "")]).len(), 2);
}

#[test]
fn names_of_files_are_those_of_code_generation() {
    for name in ["list", "listForUser", "getALL", "getALLThings", "v2Get", "utf8Read", "mod", "self", "a1B2c"]
    {
        assert_eq!(contract::snake(name), alkhub_codegen::names::module(name), "{name}");
    }
}

const ROOT: &str = "[package]\nname = \"alkhub\"\n[workspace]\nmembers = [\n  \".\", # the hub\n  \"core\",\n  'generated',\n]\n\
                    [workspace.dependencies]\nalkhub-core.path = \"core\"\napi = { path = \"generated\", package = \"alkhub-api\" }\n";

fn workspace(root: &str, core: &str, generated: &str) -> Vec<String> {
    places(
        packages::dependencies,
        &[
            ("Cargo.toml", &format!("{ROOT}{root}")),
            ("core/Cargo.toml", &format!("[package]\nname = \"alkhub-core\"\n{core}")),
            ("generated/Cargo.toml", &format!("[package]\nname = \"alkhub-api\"\n{generated}")),
        ],
    )
}

#[test]
fn dependencies_upwards_are_found() {
    let good = "[dependencies]\nalkhub-core.workspace = true\n";
    assert_eq!(
        workspace("[dependencies]\napi.workspace = true\nalkhub-core = { workspace = true }\n", "", good),
        NONE
    );
    for core in [
        "[dependencies]\napi = { workspace = true }",
        "[dependencies]\nx = { path = \"../generated\" }",
        "[dependencies]\nx = { version = \"1\", package = \"alkhub-api\" }",
        "[dependencies.alkhub-api]\nversion = \"1\"",
        "[target.'cfg(unix)'.dependencies]\nalkhub-api = \"1\"",
        "[dev-dependencies]\nalkhub-api = \"1\"",
        "[build-dependencies]\nalkhub = { path = \"..\", package = \"alkhub\" }",
        "[dependencies]\nsea-orm = \"2\"",
        "[dependencies]\ndatabase = { package = \"sqlx\", version = \"1\" }",
    ] {
        let found = workspace("", core, "");
        assert!(
            matches!(found.as_slice(), [one] if one.starts_with("core/Cargo.toml:")),
            "{core}: {found:?}"
        );
    }
    assert_eq!(workspace("", "", "[dependencies]\nalkhub = \"1\""), ["generated/Cargo.toml:4"]);
    assert_eq!(workspace("", "# [dependencies]\n# alkhub = \"1\"\nserde = \"1\"", ""), NONE);
}

#[test]
fn members_without_a_layer_are_found() {
    let root = ROOT.replace("\"core\"", "\"core\", \"tools\"");
    assert_eq!(
        places(packages::dependencies, &[("Cargo.toml", &root)]),
        ["Cargo.toml:4", "Cargo.toml:4", "Cargo.toml:4"],
        "a member that is not in the table, and two whose manifests are missing"
    );
}

#[test]
fn manifests_are_read() {
    let manifest = parse(
        "[package]\nname = \"a\" # = \"b\"\n\n[dependencies]\nb = { version = \"1, 2\", features = [\"x\", \"y\"] }\n\
         c.package = \"d\"\n[dev-dependencies.e]\npath = \"../f\"\n[features]\ng = [\"b\"]\n",
    );
    assert_eq!(manifest.name.as_deref(), Some("a"));
    let brief: Vec<_> = manifest
        .dependencies
        .iter()
        .map(|one| (one.line, one.table, one.key.as_str(), one.package.as_deref(), one.path.as_deref()))
        .collect();
    assert_eq!(
        brief,
        [
            (5, Table::Normal, "b", None, None),
            (6, Table::Normal, "c", Some("d"), None),
            (7, Table::Dev, "e", None, Some("../f")),
        ]
    );
}
