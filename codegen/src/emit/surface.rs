//! `surface.txt`: the contract at a glance, so that a review sees what is added and removed.

use std::fmt::Write;

use crate::model::{Model, Operation, Word};

use super::HEADER;

/// One line an operation, in columns.
pub(super) fn print(model: &Model) -> String {
    let rows: Vec<[String; 5]> = model.operations.iter().map(row).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = format!("# {HEADER}*; do not edit.\n# operation, type, route, scopes, since\n");
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn row(op: &Operation) -> [String; 5] {
    let route =
        op.http.as_ref().map_or_else(|| "-".to_owned(), |route| format!("{} {}", route.method, route.path));
    let list =
        |words: &[Word], by: &str| words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(by);
    let mut scopes = list(&op.access.required_scopes, ",");
    if !op.access.required_scopes_any.is_empty() {
        let any = list(&op.access.required_scopes_any, "|");
        scopes = if scopes.is_empty() { any } else { format!("{scopes},({any})") };
    }
    if let (Some(kind), Some(action)) = (&op.access.resource_type, &op.access.resource_action) {
        let _ = write!(scopes, "{}{}#{}", if scopes.is_empty() { "" } else { "," }, kind.text, action.text);
    }
    let scopes = if scopes.is_empty() { "-".to_owned() } else { scopes };
    [op.id.clone(), op.kind.as_str().to_owned(), route, scopes, op.since.clone()]
}
