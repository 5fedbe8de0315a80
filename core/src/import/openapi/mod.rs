//! From an OpenAPI document (3.0, 3.1, and Swagger 2) to operations, and from calls of these to requests.
//!
//! Nothing here reads or sends anything: the hub fetches documents, sends what [`Plan::request`] makes, and hands the answer to
//! [`Plan::output`].

mod answer;
mod body;
mod body_plan;
mod document;
mod limits;
mod name;
mod operation;
mod parameters;
mod plan;
mod report;
mod request;
mod responses;
mod schema;
mod serialise;
mod server;

use std::{collections::HashSet, sync::Arc};

use serde_json::{Value, json};
use url::Url;

pub use answer::Head;
pub use document::{Documents, read};
pub use limits::Limits;
pub use plan::{Body, BodyKind, Field, Parameter, Place, Plan, Statuses, Writing};
pub use report::{Line, Report};
pub use request::Request;
pub use serialise::{Manner, Style};

use self::{document::Node, operation::Reader, schema::Schemas};
use crate::{AccessControl, registry::Registered};

pub(crate) use schema::cut;

/// Methods that become operations.
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
/// Methods that a document may have, and that are no operations.
const OTHER_METHODS: [&str; 5] = ["head", "options", "trace", "query", "connect"];

/// What is wanted of a document.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Namespace of the operations: the name of the service.
    pub namespace: String,
    /// Where the service is, whatever the document says.
    pub base_url: Option<Url>,
    /// Demands on callers.
    pub access: AccessControl,
    /// Bounds.
    pub limits: Limits,
}

/// An operation with the plan of its requests.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What callers see.
    pub registered: Arc<Registered>,
    /// How it is called.
    pub plan: Arc<Plan>,
}

/// A way to authenticate that a document declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Its name in the document.
    pub name: String,
    /// `apiKey`, `http`, `oauth2`, `openIdConnect`, `mutualTLS`; Swagger 2 also has `basic`.
    pub kind: String,
    /// What it says, of `in`, `name`, `scheme`, `tokenUrl`.
    pub said: Value,
}

/// What a document gave.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Title of the service.
    pub title: String,
    /// Version of the service.
    pub version: String,
    /// Where the service is.
    pub server: Url,
    /// In the order of paths.
    pub operations: Vec<Operation>,
    /// What was left out or changed.
    pub report: Report,
    /// Ways to authenticate.
    pub schemes: Vec<Scheme>,
}

/// Makes operations of a document.
///
/// # Errors
/// A sentence that says why nothing of the document can be used. What cannot be used of it alone is in the report.
pub fn import(documents: &Documents, options: &Options) -> Result<Imported, String> {
    let main = documents.main();
    let is_old = version(main)?;
    let server = match &options.base_url {
        Some(url) => url.clone(),
        None => server::of_document(documents).ok_or(
            "the document names no server by an http or https URL; say where the service is with `baseUrl`",
        )?,
    };
    let info = main.get("info");
    let said = |key: &str| info.and_then(|info| info.text(key)).unwrap_or_default();
    let version = Some(said("version")).filter(|version| !version.is_empty()).unwrap_or("1.0.0");
    let mut report = Report::default();
    let mut operations = Vec::new();
    let mut reader = Reader {
        documents,
        options,
        schemas: Schemas::new(documents, is_old),
        server: &server,
        version: cut(version, 50),
        names: HashSet::new(),
    };
    let most = options.limits.report;
    let mut too_many = 0_usize;
    for (path, item) in main.members("paths").filter(|(path, _)| !path.starts_with("x-")) {
        let line = |method: Option<&str>, left_out: bool, reason: String| Line {
            path: Some(cut(path, 300)),
            method: method.map(str::to_ascii_uppercase),
            left_out,
            reason,
        };
        let item = match documents.follow(item) {
            Ok(item) => item,
            Err(error) => {
                report.push(most, line(None, true, error));
                continue;
            }
        };
        for method in OTHER_METHODS.into_iter().filter(|method| item.get(method).is_some()) {
            let reason = format!("{} requests are no operations", method.to_ascii_uppercase());
            report.push(most, line(Some(method), true, reason));
        }
        for method in METHODS {
            let Some(node) = item.get(method) else { continue };
            if operations.len() >= options.limits.operations {
                too_many += 1;
                continue;
            }
            let mut notes = Vec::new();
            match reader.operation(path, method, item, node, &mut notes) {
                Ok(operation) => operations.push(operation),
                Err(reason) => report.push(most, line(Some(method), true, reason)),
            }
            for note in notes {
                report.push(most, line(Some(method), false, note));
            }
        }
    }
    let whole = |reason: String| Line { path: None, method: None, left_out: true, reason };
    if too_many > 0 {
        let reason = format!("{too_many} operations beyond the first {}", options.limits.operations);
        report.push(most, whole(reason));
    }
    for key in ["webhooks", "x-webhooks"] {
        let count = main.members(key).count();
        if count > 0 {
            report
                .push(most, whole(format!("{count} webhooks: they are requests of the service, not to it")));
        }
    }
    let title = Some(said("title")).filter(|title| !title.is_empty()).unwrap_or(&options.namespace);
    Ok(Imported {
        title: cut(title, 200),
        version: cut(version, 50),
        server,
        operations,
        report,
        schemes: schemes(documents),
    })
}

/// Whether the document is of before 3.1.
fn version(main: Node<'_>) -> Result<bool, String> {
    // YAML reads `2.0` and `3.0` as numbers.
    let said = |key: &str| {
        main.value.get(key).map(|version| version.as_str().map_or_else(|| version.to_string(), str::to_owned))
    };
    match (said("openapi"), said("swagger")) {
        (Some(version), _) if version.starts_with("3.0") => Ok(true),
        (Some(version), _) if version.starts_with("3.") => Ok(false),
        (None, Some(version)) if version.starts_with('2') => Ok(true),
        (Some(version), _) | (None, Some(version)) => {
            Err(format!("the document is of version {}; 3.x and 2.0 can be imported", cut(&version, 20)))
        }
        (None, None) => Err("the document has neither `openapi: 3.x` nor `swagger: \"2.0\"`".to_owned()),
    }
}

fn schemes(documents: &Documents) -> Vec<Scheme> {
    let main = documents.main();
    let new = main.get("components").map(|components| components.members("securitySchemes"));
    let old = main.members("securityDefinitions");
    let nodes = new.into_iter().flatten().chain(old).take(20);
    let schemes = nodes.filter_map(|(name, node)| {
        let node = documents.follow(node).ok()?;
        let flows = [node.get("flows").and_then(|flows| flows.get("clientCredentials")), Some(node)];
        let token_url = flows.into_iter().flatten().find_map(|flow| flow.text("tokenUrl"));
        let said = json!({
            "in": node.text("in"), "name": node.text("name"), "scheme": node.text("scheme"), "tokenUrl": token_url,
        });
        Some(Scheme { name: cut(name, 100), kind: node.text("type")?.to_owned(), said })
    });
    schemes.collect()
}

#[cfg(test)]
mod tests;
