//! Collects diagnostics: every fault is reported, not only the first.

use crate::SourceTree;

use super::{Code, Diagnostic, Severity, Span};

/// The diagnostics found so far.
#[derive(Debug, Default)]
pub struct Report {
    list: Vec<Diagnostic>,
}

impl Report {
    /// Notes an error.
    pub fn error(&mut self, code: Code, at: &Span, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Error, code, at, message.into())
    }

    /// Notes a warning.
    pub fn warning(&mut self, code: Code, at: &Span, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Warning, code, at, message.into())
    }

    fn push(&mut self, severity: Severity, code: Code, at: &Span, message: String) -> &mut Diagnostic {
        let index = self.list.len();
        self.list.push(Diagnostic { code, severity, at: at.clone(), message, help: None, source: None });
        &mut self.list[index]
    }

    /// Takes over what another report found.
    pub fn absorb(&mut self, other: Self) {
        self.list.extend(other.list);
    }

    /// Whether anything found forbids generation.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// The diagnostics in the order of their places, each once and with its source line.
    #[must_use]
    pub fn finish(mut self, sources: &SourceTree) -> Vec<Diagnostic> {
        self.list.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
        self.list.dedup_by(|a, b| a.at == b.at && a.code == b.code && a.message == b.message);
        for diagnostic in &mut self.list {
            diagnostic.source = source_line(sources, &diagnostic.at);
        }
        self.list
    }
}

fn source_line(sources: &SourceTree, at: &Span) -> Option<String> {
    let text = std::str::from_utf8(sources.by_display(&at.file)?).ok()?;
    let line = text.lines().nth(at.line.checked_sub(1)?)?;
    Some(line.to_owned())
}
