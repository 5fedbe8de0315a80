//! Lints over the sources. Each reports every fault it finds; none stops another.

mod structure;

use crate::{diagnostic::Report, model::Model};

pub use structure::{FileKind, check as structure, place};

/// Runs every lint.
pub fn all(_model: &Model, _report: &mut Report) {}
