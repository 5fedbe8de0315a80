//! What a file is, told from its path.

use std::sync::Arc;

use crate::{
    diagnostic::{Report, Span, codes},
    names,
};

/// Namespaces that the generated crate needs for itself, and those that Rust does.
const RESERVED_NAMESPACES: &[&str] = &["errors", "shared", "templates", "self", "super", "crate"];
/// Operation names whose marker type would be one of the module's own items.
const RESERVED_NAMES: &[&str] = &["Input", "Output", "Error"];

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `<namespace>/<name>.yaml`
    Operation {
        /// Path as shown to people.
        file: Arc<str>,
        /// First part of the id.
        namespace: String,
        /// Last part of the id.
        name: String,
    },
    /// `_shared/<file>.yaml`
    Shared,
    /// `_shared/errors.yaml`
    Errors,
    /// `_templates/<name>.yaml`
    Template {
        /// Its name.
        name: String,
    },
    /// Nothing that generation reads.
    Ignored,
}

impl Place {
    /// What the file at `path` is; `shown` is how people see the path.
    pub fn of(path: &str, shown: &Arc<str>, report: &mut Report) -> Self {
        let parts: Vec<&str> = path.split('/').collect();
        let at = Span::file(shown);
        match parts.as_slice() {
            ["_schema", ..] => Self::Ignored,
            [.., file]
                if file.starts_with('.') || file.ends_with('~') || file.to_lowercase().ends_with(".md") =>
            {
                Self::Ignored
            }
            ["_shared", "errors.yaml"] => Self::Errors,
            ["_shared", file] if stem(file).is_some() => Self::Shared,
            ["_templates", file] if stem(file).is_some() => {
                let name = stem(file).unwrap_or_default();
                if !is_template_name(name) {
                    report
                        .error(codes::NAME, &at, format!("a template cannot be called `{name}`"))
                        .help("a lower-case letter, then lower-case letters, digits and dashes, 64 at most");
                    return Self::Ignored;
                }
                Self::Template { name: name.to_owned() }
            }
            [namespace, file] => match stem(file) {
                Some(name) => Self::operation(namespace, name, shown, report),
                None => {
                    report
                        .error(codes::PLACE, &at, format!("`{file}` does not end in .yaml"))
                        .help("operation files are named <name>.yaml");
                    Self::Ignored
                }
            },
            _ => {
                report
                    .error(codes::PLACE, &at, "not an operation file by its place")
                    .help("operation files are <namespace>/<name>.yaml, no deeper and no shallower");
                Self::Ignored
            }
        }
    }

    fn operation(namespace: &str, name: &str, shown: &Arc<str>, report: &mut Report) -> Self {
        let at = Span::file(shown);
        let mut sound = true;
        for (what, part) in [("namespace", namespace), ("name", name)] {
            if !is_name(part) {
                sound = false;
                report
                    .error(codes::NAME, &at, format!("the {what} `{part}` is not a name"))
                    .help("a lower-case letter, then ASCII letters and digits: `listForUser`");
            }
        }
        if RESERVED_NAMESPACES.contains(&namespace) {
            sound = false;
            report
                .error(codes::NAME, &at, format!("the namespace `{namespace}` is taken"))
                .help("choose another namespace");
        }
        if RESERVED_NAMES.contains(&names::upper_camel(name).as_str()) {
            sound = false;
            report
                .error(
                    codes::NAME,
                    &at,
                    format!("an operation cannot be called `{name}`: its module has that already"),
                )
                .help("say what is done with it, for example `getInput`");
        }
        if !sound {
            return Self::Ignored;
        }
        Self::Operation { file: Arc::clone(shown), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

fn stem(file: &str) -> Option<&str> {
    file.strip_suffix(".yaml").filter(|stem| !stem.is_empty())
}

/// `[a-z][a-z0-9-]*`, as `template.create` has it.
fn is_template_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && text.len() <= 64
}

/// `[a-z][a-zA-Z0-9]*`, of a length that fits every transport.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
        && text.len() <= 64
}
