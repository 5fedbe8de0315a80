//! The pipeline: parse, check, lower, print.

use std::sync::Arc;

use crate::{
    Diagnostic, FileTree, SourceTree, check,
    diagnostic::Report,
    emit::{self, Options},
    model::{Model, Place},
    source::{self, Node},
};

/// What a run produced.
#[derive(Debug)]
pub struct Outcome {
    /// The generated files; `None` if there is any error.
    pub files: Option<FileTree>,
    /// Errors and warnings in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
    /// How many operations were read.
    pub operations: usize,
}

/// Generates everything, or says everything that is wrong.
///
/// # Errors
/// With all diagnostics, of which at least one is an error.
pub fn generate(sources: &SourceTree) -> Result<FileTree, Vec<Diagnostic>> {
    let Outcome { files, diagnostics, .. } = run(sources, &Options::default());
    files.ok_or(diagnostics)
}

/// Like [`generate`], with options, and with warnings also where it succeeds.
#[must_use]
pub fn run(sources: &SourceTree, options: &Options) -> Outcome {
    let (model, mut report) = load(sources);
    let files = if report.failed() { None } else { Some(emit::all(&model, options, &mut report)) };
    let files = files.filter(|_| !report.failed());
    Outcome { files, operations: model.operations.len(), diagnostics: report.finish(sources) }
}

/// Reads and checks the sources.
#[must_use]
pub fn load(sources: &SourceTree) -> (Model, Report) {
    let mut report = Report::default();
    let mut model = Model::default();
    for (place, node) in parse(sources, &mut report) {
        match place {
            Place::Shared => model.add_shared(&node, &mut report),
            Place::Errors => model.add_errors(&node, &mut report),
            Place::Template { name } => model.add_template(name, node),
            place => model.add_operation(&place, node, &mut report),
        }
    }
    check::all(&model, &mut report);
    (model, report)
}

fn parse(sources: &SourceTree, report: &mut Report) -> Vec<(Place, Node)> {
    let mut parsed = Vec::new();
    for (path, bytes) in sources.iter() {
        let shown: Arc<str> = sources.display(path).into();
        let place = Place::of(path, &shown, report);
        let kind = match place {
            Place::Operation { .. } => check::FileKind::Operation,
            Place::Shared => check::FileKind::Shared,
            Place::Errors => check::FileKind::Errors,
            Place::Template { .. } => check::FileKind::Template,
            Place::Ignored => continue,
        };
        if let Some(node) = source::parse(&shown, bytes, report) {
            check::structure(kind, &node, report);
            parsed.push((place, node));
        }
    }
    parsed
}
