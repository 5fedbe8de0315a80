//! The error catalogue.

use crate::{
    diagnostic::{Report, Span, codes},
    source::Node,
};

/// Longest code.
const MAX_CODE: usize = 64;

/// An entry of the catalogue.
#[derive(Clone, Debug)]
pub struct ErrorDef {
    /// The code.
    pub code: String,
    /// Where the code stands.
    pub at: Span,
    /// HTTP status.
    pub status: u16,
    /// One sentence.
    pub description: String,
    /// Schema of the details.
    pub details: Option<Node>,
    /// Can befall any call.
    pub infrastructure: bool,
}

pub(super) fn read(node: &Node, report: &mut Report) -> Vec<ErrorDef> {
    let mut errors = Vec::new();
    for entry in node.entries() {
        let code = entry.key.as_str();
        if !is_code(code) {
            report
                .error(codes::NAME, &entry.key_at, format!("`{code}` is not an error code"))
                .help("upper-case letters, digits and underscores: `PROJECT_EXISTS`");
            continue;
        }
        if code == "CALL" {
            report
                .error(codes::NAME, &entry.key_at, "the code `CALL` is taken by the generated error types")
                .help("say what went wrong, for example `CALL_REFUSED`");
        }
        let Some(description) = entry.value.text("description") else { continue };
        let Some(status) = entry.value.get("status").and_then(Node::as_int) else { continue };
        errors.push(ErrorDef {
            code: code.to_owned(),
            at: entry.key_at.clone(),
            status: u16::try_from(status).unwrap_or(500),
            description: description.trim().to_owned(),
            details: entry.value.get("details").cloned(),
            infrastructure: entry.value.get("infrastructure").is_some_and(Node::is_true),
        });
    }
    // A stable sort: infrastructure first, otherwise as written.
    errors.sort_by_key(|error| !error.infrastructure);
    errors
}

fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && text.len() <= MAX_CODE
}
