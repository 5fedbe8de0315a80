//! One operation as poem-openapi describes operations.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alkhub_core::{Descriptor, Kind, error::codes};
use poem::http::Method;
use poem_openapi::{
    ParameterStyle,
    registry::{
        MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaRequest, MetaResponse,
        MetaResponses, MetaSchema, MetaSchemaRef,
    },
};
use serde_json::{Value, json};

use super::{
    BEARER, headers,
    schema::{self, convert, convert_inline, intern, reference},
};
use crate::transport::http::{bind::path_parameters, problem::PROBLEM_JSON, sse::is_resumable};

/// Component of all error answers.
const PROBLEM: &str = "Problem";

struct Parts {
    input: Value,
    output: Value,
    in_path: BTreeSet<String>,
    in_query: bool,
}

fn parts(descriptor: &Descriptor, method: &Method) -> Parts {
    let parse = |text| serde_json::from_str::<Value>(text).unwrap_or_default();
    let path = descriptor.http.map_or("", |http| http.path);
    Parts {
        input: parse(descriptor.input_schema),
        output: parse(descriptor.output_schema),
        in_path: path_parameters(path).into_iter().map(str::to_owned).collect(),
        in_query: *method == Method::GET || *method == Method::DELETE,
    }
}

/// The operation of the document.
pub(super) fn describe(descriptor: &'static Descriptor, method: Method) -> MetaOperation {
    let parts = parts(descriptor, &method);
    let secured: HashMap<&str, Vec<&str>> = HashMap::from([(BEARER, Vec::new())]);
    let open = access_is_open(descriptor);
    let security = if open { vec![HashMap::new(), secured] } else { vec![secured] };
    MetaOperation {
        tags: vec![descriptor.namespace],
        summary: Some(descriptor.title),
        description: Some(intern(&describe_access(descriptor))),
        external_docs: None,
        params: parameters(descriptor, &parts).into_iter().chain(last_event_id(descriptor)).collect(),
        request: body(descriptor, &parts),
        responses: MetaResponses { responses: responses(descriptor, &parts) },
        deprecated: false,
        security,
        operation_id: Some(descriptor.id),
        code_samples: Vec::new(),
        method,
    }
}

fn access_is_open(descriptor: &Descriptor) -> bool {
    alkhub_core::AccessControl::from(&descriptor.access).is_open()
}

fn describe_access(descriptor: &Descriptor) -> String {
    let mut text = descriptor.description.to_owned();
    let list =
        |scopes: &[&str]| scopes.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(", ");
    let access = &descriptor.access;
    if !access.required_scopes.is_empty() {
        text.push_str(&format!("\n\nScopes: {}.", list(access.required_scopes)));
    }
    if !access.required_scopes_any.is_empty() {
        text.push_str(&format!("\n\nOne of the scopes: {}.", list(access.required_scopes_any)));
    }
    text
}

fn required(node: &Value, name: &str) -> bool {
    node["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
}

fn parameters(descriptor: &Descriptor, parts: &Parts) -> Vec<MetaOperationParam> {
    let properties = parts.input["properties"].as_object().into_iter().flatten();
    properties
        .filter(|(name, _)| parts.in_query || parts.in_path.contains(*name))
        .map(|(name, node)| {
            let in_path = parts.in_path.contains(name);
            let mut inline = node.clone();
            // The parameter says it; twice would be noise.
            let description = inline
                .as_object_mut()
                .and_then(|node| node.remove("description"))
                .and_then(|text| text.as_str().map(str::to_owned));
            let is_array = node["type"] == "array";
            MetaOperationParam {
                name: name.clone(),
                schema: convert(&inline),
                in_type: if in_path { MetaParamIn::Path } else { MetaParamIn::Query },
                description,
                required: in_path || required(&parts.input, name),
                deprecated: node["deprecated"] == true,
                explode: is_array,
                style: is_array.then_some(ParameterStyle::Form),
            }
        })
        .chain(takes_key(descriptor).then(idempotency_key))
        .collect()
}

/// The operation honours an idempotency key, or hands it on to one that may.
fn takes_key(descriptor: &Descriptor) -> bool {
    descriptor.idempotent || descriptor.id == "hub.call"
}

fn idempotency_key() -> MetaOperationParam {
    // Bare, or a string of RFC 9651: in quotation marks, where backslashes stand before themselves and such marks.
    let pattern = r#"^([!#-~][!-~]*|"([!#-\[\]-~]|\\["\\])+")$"#;
    let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": pattern });
    let about = "A request that is repeated with its key has its effect once and gets the same answer again.";
    header("Idempotency-Key", &schema, about)
}

/// The header by which a browser resumes.
fn last_event_id(descriptor: &Descriptor) -> Option<MetaOperationParam> {
    let schema = json!({ "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_i64 });
    let about = "The `id` of the last item that arrived; counts more than `since`.";
    is_resumable(descriptor).then(|| header("Last-Event-ID", &schema, about))
}

fn header(name: &str, schema: &Value, about: &str) -> MetaOperationParam {
    MetaOperationParam {
        name: name.to_owned(),
        schema: convert(schema),
        in_type: MetaParamIn::Header,
        description: Some(about.to_owned()),
        required: false,
        deprecated: false,
        explode: false,
        style: None,
    }
}

/// The part of the input that travels in the body; `None` where nothing does.
fn body_schema(parts: &Parts) -> Option<Value> {
    if parts.in_query {
        return None;
    }
    let mut schema = parts.input.clone();
    let node = schema.as_object_mut()?;
    node.remove("$defs");
    for name in &parts.in_path {
        node.get_mut("properties").and_then(Value::as_object_mut).map(|properties| properties.remove(name));
        if let Some(required) = node.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|required| required != name);
        }
    }
    let empty = node.get("properties").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
    let closed = node.get("additionalProperties") == Some(&Value::Bool(false));
    (!(empty && closed)).then_some(schema)
}

fn body(descriptor: &Descriptor, parts: &Parts) -> Option<MetaRequest> {
    let schema = body_schema(parts)?;
    let required = schema["required"].as_array().is_some_and(|names| !names.is_empty());
    Some(MetaRequest {
        description: None,
        content: vec![MetaMediaType {
            content_type: "application/json",
            schema: MetaSchemaRef::Reference(component_name(descriptor, "Input")),
        }],
        required,
    })
}

fn output_reference(descriptor: &Descriptor, output: &Value) -> MetaSchemaRef {
    let name = reference(output)
        .map_or_else(|| component_name(descriptor, output_suffix(descriptor)), str::to_owned);
    MetaSchemaRef::Reference(name)
}

fn output_suffix(descriptor: &Descriptor) -> &'static str {
    if descriptor.kind == Kind::Subscription { "Item" } else { "Output" }
}

fn responses(descriptor: &Descriptor, parts: &Parts) -> Vec<MetaResponse> {
    let output = output_reference(descriptor, &parts.output);
    let (content_type, description, schema) = match descriptor.kind {
        Kind::Subscription => (
            "text/event-stream",
            "Items, each one `data:` frame; an `error` event ends a stream that failed.",
            event(&output, is_resumable(descriptor)),
        ),
        _ => ("application/json", "The output.", output),
    };
    let mut all = vec![MetaResponse {
        description,
        status: Some(200),
        status_range: None,
        content: vec![MetaMediaType { content_type, schema }],
        headers: headers::of_success(takes_key(descriptor)),
    }];
    for (status, names) in refusals(descriptor, parts) {
        let names: Vec<&str> = names.into_iter().collect();
        all.push(problem(Some(status), None, intern(&names.join(", "))));
    }
    if descriptor.any_error {
        // Not `default`: client generators take that for another shape of success.
        all.extend(
            ["4XX", "5XX"]
                .map(|range| problem(None, Some(range), "An error that the called operation declares.")),
        );
    }
    all
}

/// One event of a stream. OpenAPI 3.0 describes events as a browser hands them to a program, with text for data.
fn event(item: &MetaSchemaRef, resumable: bool) -> MetaSchemaRef {
    let about = match item {
        MetaSchemaRef::Reference(name) => {
            format!("JSON: a `{name}`, or a `{PROBLEM}` where `event` is `error`.")
        }
        MetaSchemaRef::Inline(_) => format!("JSON: an item, or a `{PROBLEM}` where `event` is `error`."),
    };
    let mut schema = json!({
        "type": "object",
        "required": ["data"],
        "properties": {
            "event": { "type": "string", "enum": ["message", "error"] },
            "data": { "type": "string", "description": about },
        },
    });
    if resumable {
        let kind = "The item's type; `error` where the stream has failed.";
        schema["properties"]["event"] = json!({ "type": "string", "description": kind });
        let id = "The item's number, which `Last-Event-ID` may repeat.";
        schema["properties"]["id"] = json!({ "type": "string", "description": id });
    }
    MetaSchemaRef::Inline(Box::new(convert_inline(&schema)))
}

fn problem(status: Option<u16>, range: Option<&str>, description: &'static str) -> MetaResponse {
    MetaResponse {
        description,
        status,
        status_range: range.map(str::to_owned),
        content: vec![MetaMediaType {
            content_type: PROBLEM_JSON,
            schema: MetaSchemaRef::Reference(PROBLEM.to_owned()),
        }],
        headers: headers::of_problem(status),
    }
}

/// Their inputs name an operation, of which there may be none; schemas have no word for that.
const NAMES_OPERATIONS: [&str; 3] = ["hub.schema", "graph.path", "graph.successors"];
/// They run the operation of an earlier call, which may be gone, or not be for this caller any more.
const CALLS_RECORDED: [&str; 1] = ["call.replay"];

/// The codes that the operation can answer with, by status.
fn refusals(descriptor: &Descriptor, parts: &Parts) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let mut by_status: BTreeMap<u16, BTreeSet<&'static str>> = BTreeMap::new();
    let mut add = |status, code| {
        by_status.entry(status).or_default().insert(code);
    };
    add(401, codes::ACCESS_DENIED);
    if !access_is_open(descriptor) {
        add(403, codes::ACCESS_DENIED);
    }
    if body_schema(parts).is_some() || !parts.in_query {
        add(400, codes::BAD_REQUEST);
        add(408, codes::REQUEST_TIMEOUT);
        add(413, codes::PAYLOAD_TOO_LARGE);
        add(415, codes::UNSUPPORTED_MEDIA_TYPE);
    }
    if !parts.in_path.is_empty() {
        add(404, codes::NOT_FOUND);
    }
    if descriptor.any_error || NAMES_OPERATIONS.contains(&descriptor.id) {
        add(404, codes::OPERATION_NOT_FOUND);
    }
    if CALLS_RECORDED.contains(&descriptor.id) {
        add(403, codes::ACCESS_DENIED);
        add(404, codes::OPERATION_NOT_FOUND);
    }
    add(422, codes::VALIDATION_ERROR);
    if takes_key(descriptor) {
        add(400, codes::BAD_REQUEST);
        add(409, codes::IDEMPOTENCY_UNKNOWN_OUTCOME);
        add(422, codes::IDEMPOTENCY_KEY_REUSED);
    }
    add(429, codes::RATE_LIMITED);
    add(500, codes::EXECUTION_ERROR);
    add(503, codes::UNAVAILABLE);
    add(504, codes::TIMEOUT);
    for error in descriptor.errors {
        add(error.status, error.code);
    }
    by_status
}

/// All components: shared types, inputs, outputs and the problem document.
pub(super) fn components(operations: &[&'static Descriptor]) -> BTreeMap<String, MetaSchema> {
    let mut all = BTreeMap::from([(PROBLEM.to_owned(), convert_inline(&problem_schema()))]);
    for descriptor in operations {
        let Some(method) = descriptor.http.and_then(|http| http.method.parse().ok()) else { continue };
        let parts = parts(descriptor, &method);
        all.extend(schema::definitions(&parts.output));
        all.extend(schema::definitions(&parts.input));
        if let Some(body) = body_schema(&parts) {
            let mut component = convert_inline(&body);
            component.example = example(descriptor, &parts);
            all.insert(component_name(descriptor, "Input"), component);
        }
        if reference(&parts.output).is_none() {
            all.insert(component_name(descriptor, output_suffix(descriptor)), convert_inline(&parts.output));
        }
    }
    all
}

fn example(descriptor: &Descriptor, parts: &Parts) -> Option<Value> {
    let mut input: Value = serde_json::from_str(descriptor.examples.first()?.input).ok()?;
    let map = input.as_object_mut()?;
    parts.in_path.iter().for_each(|name| {
        map.remove(name);
    });
    Some(input)
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "requestId"],
        "properties": {
            "type": { "type": "string", "description": "Path of the page about this code." },
            "title": { "type": "string", "description": "The code in words." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What happened, for people." },
            "code": { "type": "string", "description": "What happened, for programs." },
            "requestId": { "type": "string", "format": "uuid", "description": "Names the request in the hub's log." },
            "details": { "description": "As the code's page says." },
        },
    })
}

/// `project.create` and `Input` make `ProjectCreateInput`.
fn component_name(descriptor: &Descriptor, suffix: &str) -> String {
    let pascal = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    format!("{}{}{suffix}", pascal(descriptor.namespace), pascal(descriptor.name))
}
