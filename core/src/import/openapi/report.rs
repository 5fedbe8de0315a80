//! What an import left out or changed, and why.

use serde::Serialize;

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Path in the document; absent for what concerns the whole document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Upper-case method; absent for what concerns a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Whether the operation is missing altogether, or there with a change.
    pub left_out: bool,
    /// What, and why.
    pub reason: String,
}

/// All lines, up to a bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// In the order of the document's paths.
    pub lines: Vec<Line>,
    /// How many lines there would be beyond these.
    pub more: usize,
}

impl Report {
    pub(super) fn push(&mut self, limit: usize, line: Line) {
        if self.lines.len() < limit {
            self.lines.push(line);
        } else {
            self.more += 1;
        }
    }
}
