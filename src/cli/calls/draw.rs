//! Trees of calls as text, for Mermaid and for Graphviz.

use std::collections::BTreeMap;
use std::fmt::Write;

use owo_colors::{OwoColorize, Style};
use serde_json::Value;

use crate::cli::output::printable;

/// Deepest level that is drawn.
const DEEPEST: usize = 64;

/// The calls that are known, by their ids.
#[derive(Default)]
pub(super) struct Tree {
    calls: BTreeMap<String, Value>,
}

impl Tree {
    /// Takes a call, in the place of what was known of it.
    pub(super) fn add(&mut self, call: Value) {
        if let Some(id) = call["requestId"].as_str() {
            self.calls.insert(id.to_owned(), call);
        }
    }

    /// Takes what is new of a call.
    pub(super) fn change(&mut self, changed: &Value) {
        let known = changed["requestId"].as_str().and_then(|id| self.calls.get_mut(id));
        if let (Some(known), Some(changed)) = (known, changed.as_object()) {
            changed.iter().for_each(|(name, value)| known[name] = value.clone());
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Value> {
        self.calls.get(id)
    }

    /// The calls with their levels: each before those that it made.
    fn in_order(&self) -> Vec<(usize, bool, &Value)> {
        let mut children: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        let mut stack = Vec::new();
        for call in self.calls.values() {
            match call["parentRequestId"].as_str().filter(|parent| self.calls.contains_key(*parent)) {
                Some(parent) => children.entry(parent).or_default().push(call),
                None => stack.push((0, true, call)),
            }
        }
        let mut ordered = Vec::new();
        while let Some((level, last, call)) = stack.pop() {
            ordered.push((level, last, call));
            let mut below = call["requestId"].as_str().and_then(|id| children.remove(id)).unwrap_or_default();
            below.sort_by_key(|call| std::cmp::Reverse(call["ordinal"].as_u64()));
            let below = below.into_iter().enumerate().map(|(place, call)| (level + 1, place == 0, call));
            stack.extend(below.filter(|(level, ..)| *level <= DEEPEST));
        }
        ordered
    }

    pub(super) fn text(&self, coloured: bool) -> String {
        let mut text = String::new();
        let mut open: Vec<bool> = Vec::new();
        for (level, last, call) in self.in_order() {
            open.truncate(level.saturating_sub(1));
            for more in &open {
                text.push_str(if *more { "│  " } else { "   " });
            }
            if level > 0 {
                text.push_str(if last { "└─ " } else { "├─ " });
                open.push(!last);
            }
            text.push_str(&line(call, coloured));
            text.push('\n');
        }
        text
    }

    pub(super) fn mermaid(&self) -> String {
        let mut text = "flowchart TD\n".to_owned();
        for (_, _, call) in self.in_order() {
            let (id, label) = (name(&call["requestId"]), label(call).replace('"', "#quot;"));
            let _ = writeln!(text, "  {id}[\"{label}\"]:::{}", status(call));
            if let Some(parent) = self.parent(call) {
                let _ = writeln!(text, "  {} --> {id}", name(parent));
            }
            for other in call["dependsOn"].as_array().into_iter().flatten().filter(|id| self.knows(id)) {
                let _ = writeln!(text, "  {} -.-> {id}", name(other));
            }
        }
        for (status, colour) in COLOURS {
            let _ = writeln!(text, "  classDef {status} fill:{colour}");
        }
        text
    }

    pub(super) fn dot(&self) -> String {
        let mut text = "digraph calls {\n  node [shape=box, style=filled];\n".to_owned();
        for (_, _, call) in self.in_order() {
            let id = name(&call["requestId"]);
            let label = label(call).replace('\\', "\\\\").replace('"', "\\\"");
            let colour =
                COLOURS.iter().find(|(name, _)| *name == status(call)).map_or("white", |(_, colour)| colour);
            let _ = writeln!(text, "  {id} [label=\"{label}\", fillcolor=\"{colour}\"];");
            if let Some(parent) = self.parent(call) {
                let _ = writeln!(text, "  {} -> {id};", name(parent));
            }
            for other in call["dependsOn"].as_array().into_iter().flatten().filter(|id| self.knows(id)) {
                let _ = writeln!(text, "  {} -> {id} [style=dashed];", name(other));
            }
        }
        text + "}\n"
    }

    fn knows(&self, id: &Value) -> bool {
        id.as_str().is_some_and(|id| self.calls.contains_key(id))
    }

    fn parent<'a>(&self, call: &'a Value) -> Option<&'a Value> {
        call.get("parentRequestId").filter(|parent| self.knows(parent))
    }
}

const COLOURS: [(&str, &str); 5] = [
    ("pending", "#eeeeee"),
    ("running", "#cfe2ff"),
    ("completed", "#d1e7dd"),
    ("failed", "#f8d7da"),
    ("aborted", "#fff3cd"),
];

/// A name for a node, of letters and digits.
fn name(id: &Value) -> String {
    let id = id.as_str().unwrap_or_default();
    format!("c{}", id.chars().filter(char::is_ascii_alphanumeric).collect::<String>())
}

fn status(call: &Value) -> &str {
    let word = call["status"].as_str().unwrap_or_default();
    COLOURS.iter().find(|(name, _)| *name == word).map_or("pending", |(name, _)| name)
}

fn label(call: &Value) -> String {
    let operation = printable(call["operationId"].as_str().unwrap_or_default());
    let code = call["error"]["code"].as_str().map(|code| format!(" {}", printable(code)));
    format!("{operation} {}{} {}", status(call), code.unwrap_or_default(), duration(call))
        .trim_end()
        .to_owned()
}

/// A call in a line.
pub(super) fn line(call: &Value, coloured: bool) -> String {
    let word = status(call);
    let style = match word {
        "completed" => Style::new().green(),
        "failed" => Style::new().red(),
        "aborted" => Style::new().yellow(),
        "running" => Style::new().blue(),
        _ => Style::new().dimmed(),
    };
    let mut operation = printable(call["operationId"].as_str().unwrap_or_default());
    if operation.is_empty() {
        "(lost)".clone_into(&mut operation);
    }
    let id = printable(call["requestId"].as_str().unwrap_or_default());
    let code = call["error"]["code"].as_str().map(printable).unwrap_or_default();
    let word = if coloured { word.style(style).to_string() } else { word.to_owned() };
    let text = [operation, word, duration(call), code, id];
    text.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// How long a call took; empty while it runs.
pub(super) fn duration(call: &Value) -> String {
    match call["durationMs"].as_f64() {
        Some(ms) if ms >= 1000.0 => format!("{:.2}s", ms / 1000.0),
        Some(ms) => format!("{ms:.1}ms"),
        None => String::new(),
    }
}

/// Takes so many lines back.
pub(super) fn back(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A\x1b[J") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        let call = |id: &str, parent: Option<&str>, ordinal: u64, operation: &str| {
            let mut call = json!({
                "requestId": id, "ordinal": ordinal, "operationId": operation, "status": "running"
            });
            if let Some(parent) = parent {
                call["parentRequestId"] = parent.into();
            }
            call
        };
        tree.add(call("1", None, 0, "a.root"));
        tree.add(call("2", Some("1"), 1, "a.second"));
        tree.add(call("3", Some("1"), 0, "a.\"first\""));
        tree.add(call("4", Some("3"), 0, "a.\u{1b}deep"));
        tree.change(
            &json!({ "requestId": "4", "status": "failed", "durationMs": 1500.0, "error": { "code": "X" } }),
        );
        tree
    }

    #[test]
    fn children_stand_below_their_parents_in_order() {
        let text = tree().text(false);
        assert_eq!(
            text,
            "a.root running 1\n├─ a.\"first\" running 3\n│  └─ a.\u{fffd}deep failed 1.50s X 4\n└─ a.second running 2\n"
        );
    }

    #[test]
    fn diagrams_name_nodes_and_edges() {
        let mermaid = tree().mermaid();
        assert!(mermaid.starts_with("flowchart TD\n") && mermaid.contains("  c1 --> c2\n"), "{mermaid}");
        assert!(mermaid.contains("c3[\"a.#quot;first#quot; running\"]:::running"), "{mermaid}");
        let dot = tree().dot();
        assert!(dot.contains("c3 -> c4;") && dot.contains("label=\"a.\\\"first\\\" running\""), "{dot}");
    }
}
