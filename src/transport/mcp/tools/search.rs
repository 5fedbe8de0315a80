//! `search`: a line for each operation, no longer than the caller can use.

use alkhub_core::{CallError, Kind, registry::Entry};
use rmcp::model::CallToolResult;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, Tools, hub, read, result, tokens, typescript};

/// Results, unless the caller says otherwise.
pub(super) const RESULTS: usize = 20;
/// Tokens, unless the caller says otherwise.
pub(super) const TOKENS: usize = 1500;
pub(super) const LEAST_TOKENS: usize = 50;
pub(super) const MOST_TOKENS: usize = 20_000;
/// Longest line, and longest list of what an operation needs.
const LINE: usize = 160;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    query: String,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    max_tokens: Option<usize>,
}

pub(super) async fn run(tools: &Tools, asked: Asked<'_>) -> Result<CallToolResult, CallError> {
    let arguments: Arguments = read(asked.arguments)?;
    let limit = arguments.limit.unwrap_or(RESULTS).clamp(1, 100);
    let budget = arguments.max_tokens.unwrap_or(TOKENS).clamp(LEAST_TOKENS, MOST_TOKENS);
    // One more than asked for tells whether there are more.
    let input = json!({ "query": arguments.query, "limit": (limit + 1).min(100) });
    let found = hub(tools, asked.cx, asked.cx.request_id, "hub.search", input).await?;
    let found = found["operations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = String::new();
    let (mut lines, mut spent) = (Vec::new(), 0);
    for operation in found.iter().take(limit) {
        let Ok(entry) = tools.reach(operation["id"].as_str().unwrap_or_default(), &asked.cx.caller) else {
            continue;
        };
        let (line, value) = describe(&entry);
        // The longer of the two forms counts: who reads which is the client's choice.
        let cost = tokens(line.len().max(value.to_string().len()) + 1);
        if spent + cost > budget && !lines.is_empty() {
            break;
        }
        spent += cost;
        text.push_str(&line);
        lines.push(value);
    }
    let more = lines.len() < found.len();
    if lines.is_empty() {
        text.push_str("Nothing that you may call fits these words. Try others.\n");
    } else if more {
        text.push_str("(There are more.)\n");
    }
    Ok(result::told(text, json!({ "operations": lines, "more": more })))
}

/// `project.create(name: string, repository: string) mutation: Registers a repository.`
fn describe(entry: &Entry) -> (String, Value) {
    let schema: Value = serde_json::from_str(entry.input_schema()).unwrap_or_default();
    let needs = cut(&typescript::needs(&schema), LINE);
    let first = entry.description().lines().next().unwrap_or_default();
    let said = if first.is_empty() { entry.title() } else { first };
    let line = cut(said, LINE);
    let kind = match entry.kind() {
        Kind::Query => "",
        Kind::Mutation => " mutation",
        Kind::Subscription => " subscription",
    };
    let value = json!({ "id": entry.id(), "type": entry.kind().as_str(), "line": line, "input": needs });
    (format!("{}({needs}){kind}: {line}\n", entry.id()), value)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}
