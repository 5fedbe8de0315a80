//! Which part of the code may know which library, told by the paths that its tokens spell.

use proc_macro2::{TokenStream, TokenTree};

use super::tree::Tree;

/// Some paths are only for some folders.
struct Knowledge {
    /// Where the rule holds.
    scope: &'static str,
    /// Where below it the paths may be known.
    home: Option<&'static str>,
    paths: &'static [&'static str],
    remedy: &'static str,
}

const RULES: &[Knowledge] = &[
    Knowledge {
        scope: "src",
        home: Some("src/storage"),
        paths: &["sea_orm", "sea_orm_migration", "sea_query", "sqlx"],
        remedy: "put the query into a function of src/storage that takes and gives types of its own",
    },
    Knowledge {
        scope: "src",
        home: Some("src/bus"),
        paths: &["redis"],
        remedy: "put it behind a function or trait of src/bus",
    },
    Knowledge {
        scope: "src",
        home: Some("src/transport/http/openapi"),
        paths: &["poem_openapi::registry"],
        remedy: "put what needs these unstable types into the adapter and give it a function with types of ours",
    },
    Knowledge {
        scope: "src",
        home: Some("src/transport/mcp"),
        paths: &["rmcp::RoleServer", "rmcp::ServerHandler", "rmcp::transport::streamable_http_server"],
        remedy: "serve MCP by a tool or resource of src/transport/mcp; as a client, rmcp may be known elsewhere",
    },
    Knowledge {
        scope: "src/operations",
        home: None,
        paths: &[
            "axum",
            "hyper",
            "hyper_util",
            "poem",
            "poem_openapi",
            "reqwest",
            "tokio::net",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::UdpSocket",
            "std::os::unix::net",
        ],
        remedy: "let a component of src hold the connection, and call that from the handler",
    },
    Knowledge {
        scope: "src/operations",
        home: None,
        paths: &["tokio_tungstenite"],
        remedy: "let the handler call the peer that holds the connection",
    },
    guarded("src/llm"),
    guarded("src/transport"),
    guarded("src/web"),
    Knowledge {
        paths: &["reqwest::Client::builder", "reqwest::Client::new", "reqwest::ClientBuilder"],
        ..guarded("src/imports")
    },
    Knowledge {
        scope: "src",
        home: Some("src/spoke"),
        paths: &["cap_std"],
        remedy: "give the sandbox a function for it",
    },
    Knowledge {
        scope: "src/spoke",
        home: Some("src/spoke/sandbox"),
        paths: &["std::fs", "tokio::fs"],
        remedy: "open it beneath the handle of the root, by a function of src/spoke/sandbox",
    },
    Knowledge {
        scope: "core",
        home: Some("core/src/peer"),
        paths: &["tokio_tungstenite"],
        remedy: "leave sockets to core/src/peer",
    },
    Knowledge {
        scope: "core",
        home: None,
        paths: &["axum", "hyper", "hyper_util", "poem", "poem_openapi", "redis", "sea_orm", "sqlx"],
        remedy: "let core declare a trait or take a value, and implement or make it in src",
    },
];

/// What users can cause to be asked for goes out by `Outbound` alone: a client of one's own has no guard.
const fn guarded(scope: &'static str) -> Knowledge {
    Knowledge {
        scope,
        home: None,
        paths: &["reqwest::Client", "reqwest::ClientBuilder", "reqwest::get"],
        remedy: "make a `reqwest::Request` and send it by src/outbound",
    }
}

/// Nobody mentions what is not for its layer.
pub(super) fn knowledge(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for rule in RULES {
        for (path, text) in tree.below(rule.scope).filter(|(path, _)| path.ends_with(".rs")) {
            if rule.home.is_some_and(|home| path.starts_with(&format!("{home}/"))) {
                continue;
            }
            for (line, mentioned) in mentions(tokens(path, text)) {
                let is_under =
                    |library: &&&str| format!("{mentioned}::").starts_with(&format!("{library}::"));
                if let Some(library) = rule.paths.iter().find(is_under) {
                    let home = rule.home.unwrap_or("other layers");
                    found.push(format!(
                        "{path}:{line}: mentions `{mentioned}`; {library} is for {home}: {}",
                        rule.remedy
                    ));
                }
            }
        }
    }
    found
}

/// Handlers write no SQL.
pub(super) fn sql(tree: &Tree) -> Vec<String> {
    const STATEMENTS: [&str; 8] = [
        "SELECT ",
        "INSERT INTO ",
        "UPDATE ",
        "DELETE FROM ",
        "CREATE TABLE ",
        "ALTER TABLE ",
        "DROP TABLE ",
        "PRAGMA ",
    ];
    let mut found = Vec::new();
    for (path, text) in tree.below("src/operations") {
        for (line, literal) in literals(tokens(path, text)) {
            let text = literal.trim_start_matches(['r', '#', '"', ' ']);
            // Sentences begin with a capital and go on in small letters; statements are written in one case.
            if STATEMENTS.iter().any(|verb| text.starts_with(verb) || text.starts_with(&verb.to_lowercase()))
            {
                found.push(format!(
                    "{path}:{line}: has SQL, {literal}; write a function in src/storage and call that"
                ));
            }
        }
    }
    found
}

fn tokens(path: &str, text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every path with `::` in it, with groups of `use` written out, and the line on which it begins.
fn mentions(tokens: TokenStream) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    walk(tokens, "", &mut found);
    found
}

fn walk(tokens: TokenStream, prefix: &str, found: &mut Vec<(usize, String)>) {
    let mut path = prefix.to_owned();
    let mut line = 1;
    let mut imports = false;
    // `::` between what was read and what comes: its two colons, or the brace of a group.
    let mut colons = if prefix.is_empty() { 0 } else { 2 };
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) => {
                if colons == 2 && !path.is_empty() {
                    if path == prefix {
                        line = ident.span().start().line;
                    }
                    path = format!("{path}::{ident}");
                } else {
                    end(&mut path, line, found);
                    line = ident.span().start().line;
                    // A crate that is imported whole.
                    let goes_on =
                        matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
                    if imports
                        && !goes_on
                        && !ident.to_string().starts_with(|first: char| first.is_uppercase())
                    {
                        found.push((line, ident.to_string()));
                    }
                    imports = ident == "use" || ident == "crate";
                    // What follows these may begin with `::`, and goes on from nothing.
                    const BEFORE: [&str; 8] = ["as", "const", "dyn", "impl", "in", "mut", "return", "use"];
                    path =
                        Some(ident.to_string()).filter(|word| !BEFORE.contains(&&**word)).unwrap_or_default();
                }
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Group(group) if colons == 2 => {
                walk(group.stream(), &path, found);
                path.clear();
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' && !prefix.is_empty() => {
                end(&mut path, line, found);
                path = prefix.to_owned();
                colons = 2;
            }
            other => {
                end(&mut path, line, found);
                colons = 0;
                if let TokenTree::Group(group) = other {
                    walk(group.stream(), "", found);
                }
            }
        }
    }
    end(&mut path, line, found);
}

fn end(path: &mut String, line: usize, found: &mut Vec<(usize, String)>) {
    let path = std::mem::take(path);
    if path.contains("::") {
        found.push((line, path));
    }
}

fn literals(tokens: TokenStream) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Literal(literal) => found.push((literal.span().start().line, literal.to_string())),
            TokenTree::Group(group) => found.extend(literals(group.stream())),
            _ => {}
        }
    }
    found
}
