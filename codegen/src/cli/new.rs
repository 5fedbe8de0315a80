//! `cargo codegen new`: a small operation that works, to be changed into the one that is wanted.

use std::{path::Path, sync::Arc};

use clap::ValueEnum;

use crate::{diagnostic::Report, files, model::Place, names};

use super::{Failure, Format, generate, project::Project};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Type {
    /// Reads
    Query,
    /// Changes state
    Mutation,
    /// Streams
    Subscription,
}

impl Type {
    const fn word(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

pub(super) fn run(project: &Project, id: &str, kind: Type, format: Format) -> Result<(), Failure> {
    let Some((namespace, name)) = id.split_once('.') else {
        return Err(Failure::Unable(format!(
            "`{id}` is not an id; write NAMESPACE.NAME, for example project.rename"
        )));
    };
    let inside = format!("{namespace}/{name}.yaml");
    let mut report = Report::default();
    let place = Place::of(&inside, &Arc::from(format!("operations/{inside}").as_str()), &mut report);
    if !matches!(place, Place::Operation { .. }) {
        let found = report.finish(&crate::SourceTree::new("operations"));
        let message =
            found.into_iter().next().map_or_else(|| format!("`{id}` is not an id"), |first| first.message);
        return Err(Failure::Unable(message));
    }
    let operation = project.operations().join(&inside);
    let handler = project.root.join(format!("src/operations/{namespace}/{}.rs", names::module(name)));
    for path in [&operation, &handler] {
        if path.exists() {
            return Err(Failure::Unable(format!("{} exists already; it was left alone", path.display())));
        }
    }
    write(&operation, &declaration(namespace, name, kind))?;
    write(&handler, &implementation(namespace, name, kind))?;
    for path in [&operation, &handler] {
        println!("wrote {}", path.strip_prefix(&project.root).unwrap_or(path).display());
    }
    generate::run(project, format)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    files::write(path, text).map_err(|error| Failure::Unable(format!("{}: {error}", path.display())))
}

fn declaration(namespace: &str, name: &str, kind: Type) -> String {
    let access = match kind {
        Type::Mutation => "write",
        _ => "read",
    };
    let scope = format!("{}:{access}", namespace.to_lowercase());
    let method = if matches!(kind, Type::Mutation) { "POST" } else { "GET" };
    let description = match kind {
        Type::Subscription => "Greets, again and again. To be replaced.",
        _ => "Greets. To be replaced.",
    };
    format!(
        r#"# yaml-language-server: $schema=../_schema/operation.schema.json
type: {kind}
title: {title}
description: {description}
since: {since}
http: {method} /api/{namespace}/{name}
access: {{ requiredScopes: ["{scope}"] }}
input:
  type: object
  required: [name]
  additionalProperties: false
  properties:
    name: {{ type: string, minLength: 1, maxLength: 200, description: Who is greeted. }}
output:
  type: object
  required: [message]
  additionalProperties: false
  properties:
    message: {{ type: string, description: The greeting. }}
examples:
  - {{ title: A greeting, input: {{ name: world }}, output: {{ message: "Hello, world" }} }}
"#,
        kind = kind.word(),
        title = names::title(name),
        since = env!("CARGO_PKG_VERSION"),
    )
}

fn implementation(namespace: &str, name: &str, kind: Type) -> String {
    let marker = names::ident(&names::upper_camel(name));
    let path = format!("{}::{}", names::ident(namespace), names::ident(&names::module(name)));
    match kind {
        Type::Subscription => format!(
            r#"use alkhub_api::{path}::{{{marker}, Error, Input, Output}};
use alkhub_core::{{Call, ItemStream, Subscribe}};
use futures::{{StreamExt, stream}};

use crate::hub::Hub;

impl Subscribe<{marker}> for Hub {{
    async fn subscribe(&self, _cx: &Call, input: Input) -> Result<ItemStream<Output, Error>, Error> {{
        let item = Output {{ message: format!("Hello, {{}}", input.name) }};
        Ok(stream::iter([Ok(item)]).boxed())
    }}
}}
"#
        ),
        _ => format!(
            r#"use alkhub_api::{path}::{{{marker}, Error, Input, Output}};
use alkhub_core::{{Call, Handle}};

use crate::hub::Hub;

impl Handle<{marker}> for Hub {{
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {{
        Ok(Output {{ message: format!("Hello, {{}}", input.name) }})
    }}
}}
"#
        ),
    }
}
