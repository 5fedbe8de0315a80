//! REST routes: `METHOD /path/{parameter}`.

use crate::{
    diagnostic::{Diagnostic, Report, Span, codes},
    source::Node,
    suggest,
};

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Upper-case method.
    pub method: String,
    /// The path with its parameters in braces.
    pub path: String,
    /// Names of the parameters, in order.
    pub parameters: Vec<String>,
    /// Where it stands.
    pub at: Span,
}

impl Route {
    /// Reads a route; `none` is no route, and so is what is malformed and reported.
    pub(super) fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let text = node.as_str()?;
        if text == "none" {
            return None;
        }
        let Some((method, path)) = text.split_once(' ') else {
            fault(report, &node.at, format!("`{text}` is not a route"))
                .help("write `METHOD /path`, or `none`");
            return None;
        };
        if !METHODS.contains(&method) {
            fault(report, &node.at, format!("unknown method `{method}`"))
                .help(suggest::help(method, METHODS));
            return None;
        }
        match parameters(path) {
            Ok(parameters) => {
                let (method, path) = (method.to_owned(), path.to_owned());
                Some(Self { method, path, parameters, at: node.at.clone() })
            }
            Err(message) => {
                fault(report, &node.at, message).help("for example `/api/projects/{projectId}/archive`");
                None
            }
        }
    }

    /// The path with its parameters made nameless: two operations of one shape and method conflict.
    #[must_use]
    pub fn shape(&self) -> String {
        let parts = self.path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    /// Whether input travels in the query string rather than in a body.
    #[must_use]
    pub fn in_query(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "DELETE")
    }
}

fn fault<'a>(report: &'a mut Report, at: &Span, message: String) -> &'a mut Diagnostic {
    report.error(codes::ROUTE_SYNTAX, at, message)
}

fn parameters(path: &str) -> Result<Vec<String>, String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("the path `{path}` does not begin with `/`"));
    };
    let mut found: Vec<String> = Vec::new();
    for part in rest.split('/') {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        if let Some(name) = name {
            if !is_word(name, "_") {
                return Err(format!("`{{{name}}}` is not a parameter"));
            }
            if found.iter().any(|known| known == name) {
                return Err(format!("the parameter `{{{name}}}` occurs twice"));
            }
            found.push(name.to_owned());
        } else if !is_word(part, "-_.") || part == "." || part == ".." {
            return Err(format!("the path segment `{part}` is malformed"));
        }
    }
    Ok(found)
}

fn is_word(text: &str, extra: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}
