//! Which part of the code may know which library.

use super::{
    lexer::{Token, tokens},
    paths::{Mention, mentions},
    tree::{Tree, Violation, is_below},
};

/// Violations of one rule in the files below `scope` that are not below one of `allowed`.
fn forbid(
    tree: &Tree,
    rule: &'static str,
    (scope, allowed): (&str, &[&str]),
    forbidden: impl Fn(&Mention) -> bool,
    remedy: &str,
) -> Vec<Violation> {
    tree.rust()
        .filter(|(path, _)| is_below(path, scope))
        .filter(|(path, _)| !allowed.iter().any(|allowed| is_below(path, allowed)))
        .flat_map(|(path, text)| {
            mentions(text)
                .into_iter()
                .filter(&forbidden)
                .map(move |mention| (path, mention))
                .collect::<Vec<_>>()
        })
        .map(|(path, mention)| {
            Violation::new(rule, (path, mention.line), format!("mentions `{}`", mention.text()), remedy)
        })
        .collect()
}

fn names(mention: &Mention, crates: &[&str]) -> bool {
    crates.iter().any(|name| mention.has(name))
}

const SQL_LIBRARIES: &[&str] = &["sea_orm", "sea_orm_migration", "sea_query", "sqlx"];

/// Only `src/storage` knows sea-orm and what is below it.
pub(super) fn storage(tree: &Tree) -> Vec<Violation> {
    forbid(
        tree,
        "within src, only src/storage knows sea-orm and sqlx",
        ("src", &["src/storage"]),
        |mention| names(mention, SQL_LIBRARIES),
        "put the query into a function of src/storage that takes and gives types of its own, and call that",
    )
}

/// Only `src/bus` knows Redis.
pub(super) fn bus(tree: &Tree) -> Vec<Violation> {
    forbid(
        tree,
        "within src, only src/bus knows the redis crate",
        ("src", &["src/bus"]),
        |mention| mention.is_of_crate("redis"),
        "put it behind a function or trait of src/bus",
    )
}

/// Handlers open no socket and write no SQL.
pub(super) fn handlers(tree: &Tree) -> Vec<Violation> {
    const RULE: &str = "handlers (src/operations) open no socket and write no SQL";
    const LIBRARIES: &[&str] = &["axum", "hyper", "hyper_util", "poem", "poem_openapi", "reqwest"];
    const SOCKETS: &[&[&str]] = &[
        &["tokio", "net"],
        &["std", "net", "TcpListener"],
        &["std", "net", "TcpStream"],
        &["std", "net", "UdpSocket"],
        &["std", "os", "unix", "net"],
    ];
    let mut found = forbid(
        tree,
        RULE,
        ("src/operations", &[]),
        |mention| {
            names(mention, LIBRARIES)
                || names(mention, SQL_LIBRARIES)
                || SOCKETS.iter().any(|module| mention.reaches(module))
        },
        "move it into a component (src/storage for SQL, a module of src for connections) and call that from the handler",
    );
    for (path, text) in tree.rust().filter(|(path, _)| is_below(path, "src/operations")) {
        for (line, token) in tokens(text) {
            if let Token::Text(literal) = token
                && is_sql(&literal)
            {
                found.push(Violation::new(
                    RULE,
                    (path, line),
                    format!("has SQL: {literal:?}"),
                    "write a function in src/storage and call that from the handler",
                ));
            }
        }
    }
    found
}

/// A string that begins like a statement. Sentences begin with a capital and go on in small letters; statements are
/// written in one case.
fn is_sql(literal: &str) -> bool {
    const STATEMENTS: &[(&str, &str)] = &[
        ("select", " from "),
        ("insert", " into "),
        ("update", " set "),
        ("delete", " from "),
        ("create", " table "),
        ("create", " index "),
        ("alter", " table "),
        ("drop", " table "),
        ("with", " select "),
        ("pragma", " "),
    ];
    let first = literal.split_whitespace().next().unwrap_or_default();
    let one_case = first.chars().all(|char| char.is_ascii_uppercase())
        || first.chars().all(|char| char.is_ascii_lowercase());
    let words = literal.to_ascii_lowercase().split_whitespace().collect::<Vec<_>>().join(" ") + " ";
    one_case
        && STATEMENTS.iter().any(|(verb, then)| {
            words.strip_prefix(verb).is_some_and(|rest| rest.starts_with(' ') && rest.contains(then))
        })
}

/// `core` knows no transport and no storage.
pub(super) fn core(tree: &Tree) -> Vec<Violation> {
    const LIBRARIES: &[&str] = &["axum", "hyper", "hyper_util", "poem", "poem_openapi"];
    forbid(
        tree,
        "core knows no transport and no storage",
        ("core", &[]),
        |mention| names(mention, LIBRARIES) || names(mention, SQL_LIBRARIES) || mention.is_of_crate("redis"),
        "let core declare a trait or take a value, and implement or make it in src",
    )
}

/// Only the OpenAPI adapter knows poem-openapi's registry types, which are no stable interface.
pub(super) fn openapi(tree: &Tree) -> Vec<Violation> {
    forbid(
        tree,
        "only src/transport/http/openapi knows poem_openapi::registry",
        ("src", &["src/transport/http/openapi"]),
        |mention| mention.reaches(&["poem_openapi", "registry"]),
        "put what needs these types into src/transport/http/openapi and give it a function with types of ours",
    )
}
