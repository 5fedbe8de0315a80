//! One method of one path.

use std::{collections::HashSet, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use url::Url;

use super::{
    Operation, Options, body_plan, cut,
    document::{Documents, Node},
    name, parameters,
    plan::{Plan, Statuses},
    responses::{self, DeclaredError},
    schema::{Bundle, Schema, Schemas},
    server,
};
use crate::{
    AccessControl, Kind,
    registry::{ErrorDefinition, Registered, SpecLimits},
};

/// Most tags of an operation.
const MOST_TAGS: usize = 20;

/// Reads the operations of a document, one after the other.
pub(super) struct Reader<'a> {
    pub(super) documents: &'a Documents,
    pub(super) options: &'a Options,
    pub(super) schemas: Schemas<'a>,
    pub(super) server: &'a Url,
    pub(super) version: String,
    pub(super) names: HashSet<String>,
}

/// An operation as the call protocol describes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'s> {
    namespace: &'s str,
    name: &'s str,
    version: &'s str,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    description: String,
    tags: Vec<String>,
    input_schema: Box<RawValue>,
    output_schema: Box<RawValue>,
    access_control: &'s AccessControl,
    error_schemas: Vec<ErrorDefinition>,
    idempotent: bool,
}

impl<'a> Reader<'a> {
    /// The operation, with lines for the report of what was changed; or why it is left out.
    pub(super) fn operation(
        &mut self,
        path: &str,
        method: &'static str,
        item: Node<'a>,
        node: Node<'a>,
        notes: &mut Vec<String>,
    ) -> Result<Operation, String> {
        if !node.value.is_object() {
            return Err("it is not an object".to_owned());
        }
        if path.contains('#') {
            return Err("its path has a fragment, which no request carries".to_owned());
        }
        let documents = self.documents;
        let (mut declared, old) = parameters::read(documents, &mut self.schemas, item, node, notes);
        parameters::match_path(&mut declared, path, notes);
        let body = match body_plan::read(documents, &mut self.schemas, node, notes) {
            Some(body) => Some(body),
            None => body_plan::read_old(documents, &mut self.schemas, node, &old),
        };
        parameters::assign_keys(&mut declared, body.is_some(), notes);
        let answers = responses::read(documents, &mut self.schemas, node, notes);

        let (mut properties, mut required) = parameters::properties(&declared);
        let mut refers_to: Vec<usize> =
            declared.iter().flat_map(|one| one.schema.refers_to.clone()).collect();
        if let Some(body) = &body {
            let schema = if body.schema.value.is_null() { json!({}) } else { body.schema.value.clone() };
            properties.insert(body.body.key.clone(), schema);
            refers_to.extend(&body.schema.refers_to);
            if body.required {
                required.push(body.body.key.as_str().into());
            }
        }
        let mut input = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !required.is_empty() {
            input["required"] = required.into();
        }
        let limits = &self.options.limits;
        let input = self.schemas.bundle(Schema { value: input, refers_to }, limits.input);
        let output = self.schemas.bundle(answers.output, limits.output);
        tell("input", &input, notes);
        tell("output", &output, notes);

        let operation_id = node.text("operationId");
        let wanted = name::of(operation_id, method, path);
        let name = name::unique(wanted.clone(), &mut self.names);
        if name != wanted {
            notes.push(format!("it is named `{name}`: `{wanted}` is taken by another one"));
        }
        let kind = match method {
            _ if answers.streams => Kind::Subscription,
            "get" => Kind::Query,
            _ => Kind::Mutation,
        };
        let upper = upper(method);
        let said = |key: &str| {
            node.text(key).or_else(|| item.text(key)).map(str::trim).filter(|text| !text.is_empty())
        };
        let description = said("description").or_else(|| said("summary"));
        let description = description.map_or_else(|| format!("{upper} {path}"), str::to_owned);
        let mut tags: Vec<String> = node
            .items("tags")
            .filter_map(|tag| tag.value.as_str())
            .map(|tag| cut(tag, 60))
            .take(MOST_TAGS)
            .collect();
        if node.flag("deprecated") {
            tags.push("deprecated".to_owned());
        }
        let errors = self.errors(&answers.errors);
        let spec = Spec {
            namespace: &self.options.namespace,
            name: &name,
            version: &self.version,
            kind,
            title: said("summary").map(|text| cut(text, 120)),
            description: cut(&description, limits.description),
            tags,
            input_schema: raw(input.text),
            output_schema: raw(output.text),
            access_control: &self.options.access,
            error_schemas: errors,
            idempotent: matches!(method, "put" | "delete"),
        };
        let registered = register(spec, notes)?;
        let plan = Plan {
            method: upper,
            server: self.server_of(item, node, notes),
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
            parameters: declared.into_iter().map(|one| one.parameter).collect(),
            body: body.map(|body| body.body),
            accept: accept(&answers.accept, answers.streams),
            streams: answers.streams,
            errors: answers.errors.into_iter().map(|error| (error.statuses, error.code)).collect(),
        };
        Ok(Operation { registered: Arc::new(registered), plan: Arc::new(plan) })
    }

    /// The operation's own server, else the service's.
    fn server_of(&self, item: Node<'_>, node: Node<'_>, notes: &mut Vec<String>) -> String {
        if self.options.base_url.is_some() {
            return server::base(self.server);
        }
        let own = server::of(self.documents, node).or_else(|| server::of(self.documents, item));
        let Some(own) = own else { return server::base(self.server) };
        if own.origin() != self.server.origin() {
            let origin = own.origin().ascii_serialization();
            notes.push(format!("it is at {origin}, another origin; credentials are not sent there"));
        }
        server::base(&own)
    }

    fn errors(&mut self, declared: &[DeclaredError]) -> Vec<ErrorDefinition> {
        let mut left = self.options.limits.errors;
        let mut definitions = Vec::new();
        for error in declared {
            let body = error.body.clone().unwrap_or_default();
            let body_value = if body.value.is_null() { json!({}) } else { body.value };
            let schema = json!({
                "type": "object",
                "properties": {
                    "status": { "type": "integer" }, "contentType": { "type": "string" }, "body": body_value,
                },
            });
            let schema = Schema { value: schema, refers_to: body.refers_to };
            let bundle = self.schemas.bundle(schema, left);
            left = left.saturating_sub(bundle.text.len());
            definitions.push(ErrorDefinition {
                code: error.code.clone(),
                description: error.description.clone(),
                schema: serde_json::from_str(&bundle.text).unwrap_or_default(),
                http_status: match error.statuses {
                    Statuses::One(status) => Some(status),
                    Statuses::Hundred(_) | Statuses::Others => None,
                },
            });
        }
        definitions
    }
}

fn upper(method: &str) -> &'static str {
    match method {
        "put" => "PUT",
        "post" => "POST",
        "patch" => "PATCH",
        "delete" => "DELETE",
        _ => "GET",
    }
}

/// What the report says of a schema that is not whole.
fn tell(which: &str, bundle: &Bundle, notes: &mut Vec<String>) {
    if bundle.is_shrunk {
        notes.push(format!("the {which} schema is too large; what stands deep in it is left open"));
    }
    if !bundle.left_open.is_empty() {
        let names: Vec<&str> = bundle.left_open.iter().map(String::as_str).take(5).collect();
        let more = bundle.left_open.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        notes.push(format!(
            "the {which} schema is too large; these types are left open: {}{more}",
            names.join(", ")
        ));
    }
}

/// Registers the operation; where its schemas are not taken, with wider ones.
fn register(mut spec: Spec<'_>, notes: &mut Vec<String>) -> Result<Registered, String> {
    let read = |spec: &Spec<'_>| {
        let text = serde_json::to_string(spec).map_err(|error| error.to_string())?;
        Registered::read(&text, SpecLimits::default())
    };
    let first = match read(&spec) {
        Ok(registered) => return Ok(registered),
        Err(error) => error,
    };
    spec.output_schema = raw("{}".to_owned());
    for error in &mut spec.error_schemas {
        error.schema = Value::Object(serde_json::Map::new());
    }
    if let Ok(registered) = read(&spec) {
        notes.push(format!("the schemas of output and errors are left open: {}", cut(&first, 200)));
        return Ok(registered);
    }
    spec.input_schema = raw(wide(spec.input_schema.get()));
    let registered = read(&spec).map_err(|error| cut(&error, 300))?;
    notes.push(format!("the schemas are left open: {}", cut(&first, 200)));
    Ok(registered)
}

/// The input with its properties, and nothing said of them.
fn wide(input: &str) -> String {
    let input: Value = serde_json::from_str(input).unwrap_or_default();
    let names = input.get("properties").and_then(Value::as_object);
    let properties: serde_json::Map<String, Value> =
        names.into_iter().flatten().map(|(name, _)| (name.clone(), json!({}))).collect();
    json!({ "type": "object", "properties": properties, "required": input.get("required").cloned().unwrap_or(json!([])) })
        .to_string()
}

fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_default()
}

fn accept(media_types: &[String], streams: bool) -> String {
    let mut list: Vec<&str> = Vec::new();
    if streams {
        list.push("text/event-stream");
    }
    // JSON before what else there is: some services send the first of what they have.
    let (json, others): (Vec<&str>, Vec<&str>) =
        media_types.iter().map(String::as_str).partition(|name| super::answer::is_json(name));
    list.extend(json.into_iter().chain(others).filter(|name| *name != "text/event-stream" && *name != "*/*"));
    if list.is_empty() {
        return "application/json, */*;q=0.5".to_owned();
    }
    list.dedup();
    format!("{}, */*;q=0.1", list.join(", "))
}
