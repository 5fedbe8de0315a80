//! Diagnostics as text for people, and as annotations for a CI run.

use std::fmt::Write;

use super::{Diagnostic, Span};

/// Longest part of a source line that is shown.
const MAX_LINE: usize = 160;

/// `file:line:column: error[OP0012]: message`, the line with a caret, and what would be right.
#[must_use]
pub fn human(diagnostic: &Diagnostic) -> String {
    let mut out = String::new();
    let Diagnostic { code, severity, at, message, help, source } = diagnostic;
    let _ = writeln!(out, "{}: {}[{code}]: {message}", place(at), severity.as_str());
    if let Some(line) = source {
        let number = at.line.to_string();
        let margin = " ".repeat(number.len());
        let (shown, column, width) = excerpt(line, at);
        let _ = writeln!(out, "{margin} |");
        let _ = writeln!(out, "{number} | {shown}");
        let _ = writeln!(out, "{margin} | {}{}", " ".repeat(column), "^".repeat(width));
    }
    if let Some(help) = help {
        let _ = writeln!(out, "  = help: {help}");
    }
    out
}

fn place(at: &Span) -> String {
    if at.line == 0 { at.file.to_string() } else { format!("{}:{}:{}", at.file, at.line, at.column) }
}

/// The part of the line around the place, with control characters made harmless.
fn excerpt(line: &str, at: &Span) -> (String, usize, usize) {
    let column = at.column.saturating_sub(1);
    let start = if column > MAX_LINE - 40 { column - 40 } else { 0 };
    let shown: String =
        line.chars().skip(start).take(MAX_LINE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let column = column - start;
    let room = shown.chars().count().saturating_sub(column).max(1);
    (shown, column, at.width.clamp(1, room))
}

/// A GitHub workflow command that marks the place in a pull request.
#[must_use]
pub fn github(diagnostic: &Diagnostic) -> String {
    let Diagnostic { code, severity, at, message, help, .. } = diagnostic;
    let mut text = message.clone();
    if let Some(help) = help {
        let _ = write!(text, "\nhelp: {help}");
    }
    format!(
        "::{} file={},line={},col={},title={code}::{}\n",
        severity.as_str(),
        property(&at.file),
        at.line.max(1),
        at.column.max(1),
        data(&text),
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
