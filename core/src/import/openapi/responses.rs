//! What an operation answers with: the schema of its output, whether it streams, and its declared errors.

use serde_json::{Value, json};

use super::{
    answer::{essence, is_json, is_text},
    document::{Documents, Node},
    plan::Statuses,
    schema::{Direction, Schema, Schemas},
};

/// Most declared errors of an operation.
const MOST_ERRORS: usize = 40;
/// Most forms of an output.
const MOST_FORMS: usize = 4;

/// A declared error.
#[derive(Debug)]
pub(super) struct DeclaredError {
    pub(super) statuses: Statuses,
    pub(super) code: String,
    pub(super) description: String,
    /// Of the body, where it is JSON.
    pub(super) body: Option<Schema>,
}

/// What all answers of an operation come to.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) output: Schema,
    pub(super) streams: bool,
    /// Media types of its successes, for `accept`.
    pub(super) accept: Vec<String>,
    pub(super) errors: Vec<DeclaredError>,
}

/// Reads `responses`.
pub(super) fn read(
    documents: &Documents,
    schemas: &mut Schemas<'_>,
    operation: Node<'_>,
    notes: &mut Vec<String>,
) -> Answers {
    let mut successes: Vec<(String, Node<'_>)> = Vec::new();
    let mut errors = Vec::new();
    for (status, node) in operation.members("responses") {
        if status.starts_with("x-") {
            continue;
        }
        let node = match documents.follow(node) {
            Ok(node) => node,
            Err(error) => {
                notes.push(format!("the answer {status} is left open: {error}"));
                continue;
            }
        };
        let Some(statuses) = statuses(status) else { continue };
        match statuses {
            Statuses::One(200..300) | Statuses::Hundred(2) => successes.push((status.to_owned(), node)),
            Statuses::One(400..600) | Statuses::Hundred(4 | 5) | Statuses::Others
                if errors.len() < MOST_ERRORS =>
            {
                errors.push(error(documents, schemas, operation, statuses, node));
            }
            _ => {}
        }
    }
    // `default` is what succeeds where nothing else does.
    if successes.is_empty()
        && let Some(Ok(node)) =
            operation.get("responses").and_then(|all| all.get("default")).map(|node| documents.follow(node))
    {
        successes.push(("default".to_owned(), node));
    }
    let media = |node| contents(documents, operation, node);
    let streams = successes
        .iter()
        .any(|(_, node)| media(*node).iter().any(|(name, _)| essence(name) == "text/event-stream"));
    let mut forms: Vec<Schema> = Vec::new();
    let mut accept: Vec<String> = Vec::new();
    for (_, node) in &successes {
        let offered = media(*node);
        for (name, _) in &offered {
            let name = essence(name);
            if !name.is_empty() && !accept.contains(&name) && accept.len() < 8 {
                accept.push(name);
            }
        }
        let form = output(schemas, &offered, streams);
        if !forms.iter().any(|known| known.value == form.value) && forms.len() < MOST_FORMS {
            forms.push(form);
        }
    }
    Answers { output: one_of(forms), streams, accept, errors }
}

fn one_of(mut forms: Vec<Schema>) -> Schema {
    if forms.len() > 1 && !forms.iter().any(|form| form.value == json!({})) {
        let refers_to = forms.iter().flat_map(|form| form.refers_to.clone()).collect();
        let values: Vec<Value> = forms.into_iter().map(|form| form.value).collect();
        return Schema { value: json!({ "anyOf": values }), refers_to };
    }
    if forms.len() == 1 { forms.remove(0) } else { Schema::default() }
}

fn statuses(text: &str) -> Option<Statuses> {
    if text == "default" {
        return Some(Statuses::Others);
    }
    if let Some(hundred) = text.strip_suffix("XX").or_else(|| text.strip_suffix("xx")) {
        return hundred.parse().ok().filter(|hundred| (1..6).contains(hundred)).map(Statuses::Hundred);
    }
    text.parse().ok().filter(|status| (100..600).contains(status)).map(Statuses::One)
}

/// Media types of an answer with their schemas; Swagger 2 has them apart.
fn contents<'a>(
    documents: &'a Documents,
    operation: Node<'a>,
    response: Node<'a>,
) -> Vec<(&'a str, Option<Node<'a>>)> {
    if documents.main().get("swagger").is_none() {
        return response
            .members("content")
            .map(|(name, media)| (name, media.get("itemSchema").or_else(|| media.get("schema"))))
            .collect();
    }
    let Some(schema) = response.get("schema") else { return Vec::new() };
    let own = operation.items("produces").next().is_some();
    let produces = if own { operation } else { documents.main() }.items("produces");
    let mut produces: Vec<&str> = produces.filter_map(|media_type| media_type.value.as_str()).collect();
    if produces.is_empty() {
        produces.push("application/json");
    }
    produces.into_iter().map(|name| (name, Some(schema))).collect()
}

fn output(schemas: &mut Schemas<'_>, offered: &[(&str, Option<Node<'_>>)], streams: bool) -> Schema {
    let convert = |schemas: &mut Schemas<'_>, node: Option<Node<'_>>| {
        node.map(|node| schemas.convert(node, Direction::Response)).unwrap_or_default()
    };
    let of = |value: Value| Schema { value, refers_to: Vec::new() };
    let find = |fits: &dyn Fn(&str) -> bool| offered.iter().find(|(name, _)| fits(&essence(name)));
    if streams && let Some((_, node)) = find(&|name| name == "text/event-stream") {
        // Of a stream, documents describe the text as often as the item.
        let is_text = node.is_some_and(|node| node.text("type") == Some("string"));
        return if is_text { Schema::default() } else { convert(schemas, *node) };
    }
    if offered.is_empty() {
        return of(json!({ "type": "null" }));
    }
    if let Some((_, node)) = find(&is_json).or_else(|| find(&|name| name.contains('*'))) {
        return convert(schemas, *node);
    }
    if find(&is_text).is_some() {
        return of(json!({ "type": "string" }));
    }
    of(json!({
        "type": "object",
        "required": ["base64", "contentType"],
        "properties": {
            "base64": { "type": "string", "contentEncoding": "base64" },
            "contentType": { "type": "string" },
        },
    }))
}

fn error(
    documents: &Documents,
    schemas: &mut Schemas<'_>,
    operation: Node<'_>,
    statuses: Statuses,
    node: Node<'_>,
) -> DeclaredError {
    let code = match statuses {
        Statuses::One(status) => format!("HTTP_{status}"),
        Statuses::Hundred(hundred) => format!("HTTP_{hundred}XX"),
        Statuses::Others => "HTTP_ERROR".to_owned(),
    };
    let offered = contents(documents, operation, node);
    let json = offered.iter().find(|(name, _)| is_json(&essence(name)) || name.contains('*'));
    let body = json.and_then(|(_, node)| *node).map(|node| schemas.convert(node, Direction::Response));
    let description = node.text("description").unwrap_or_default();
    DeclaredError { statuses, code, description: super::cut(description, 200), body }
}
