//! Files against the JSON Schemas of `operations/_schema`, which editors use too.

use std::sync::LazyLock;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::{Map, Value};

use crate::{
    diagnostic::{Report, Span, codes},
    source::Node,
    suggest,
};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `<namespace>/<name>.yaml`
    Operation,
    /// `_shared/<file>.yaml`
    Shared,
    /// `_shared/errors.yaml`
    Errors,
    /// `_templates/<name>.yaml`
    Template,
}

static OPERATION: LazyLock<Value> =
    LazyLock::new(|| embedded(include_str!("../../../operations/_schema/operation.schema.json")));
static TEMPLATE: LazyLock<Value> =
    LazyLock::new(|| embedded(include_str!("../../../operations/_schema/template.schema.json")));
static VALIDATORS: LazyLock<[Option<Validator>; 4]> = LazyLock::new(|| {
    let shared = embedded(include_str!("../../../operations/_schema/shared.schema.json"));
    let errors = embedded(include_str!("../../../operations/_schema/errors.schema.json"));
    [OPERATION.clone(), standalone(shared), standalone(errors), TEMPLATE.clone()]
        .map(|schema| jsonschema::draft202012::new(&schema).ok())
});

fn embedded(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The schema with what it refers to in the operation schema copied in, so that nothing is fetched.
fn standalone(mut schema: Value) -> Value {
    localise(&mut schema);
    if let (Some(object), Some(defs)) = (schema.as_object_mut(), OPERATION.get("$defs")) {
        object.insert("$defs".to_owned(), defs.clone());
    }
    schema
}

fn localise(value: &mut Value) {
    match value {
        Value::Object(object) => object.values_mut().for_each(localise),
        Value::Array(items) => items.iter_mut().for_each(localise),
        Value::String(text) => {
            if let Some(local) = text.strip_prefix("operation.schema.json") {
                *text = local.to_owned();
            }
        }
        _ => {}
    }
}

/// Reports every way in which the file departs from its schema.
pub fn check(kind: FileKind, root: &Node, report: &mut Report) {
    let Some(validator) = &VALIDATORS[kind as usize] else {
        report.error(codes::MALFORMED, &root.at, "the schema of operation files is broken");
        return;
    };
    let json = root.to_json();
    if validator.is_valid(&json) {
        return;
    }
    for error in validator.iter_errors(&json) {
        translate(kind, &error, root, report);
    }
}

fn translate(kind: FileKind, error: &ValidationError<'_>, root: &Node, report: &mut Report) {
    let pointer = error.instance_path().as_str().to_owned();
    let steps: Vec<String> = steps(&pointer);
    let (node, at) = root.locate(steps.iter().map(String::as_str));
    let in_schema = error.schema_path().as_str().contains("/$defs/schema/");
    let name = match steps.last() {
        None => "the file".to_owned(),
        Some(step) if step.starts_with(|c: char| c.is_ascii_digit()) => "the item".to_owned(),
        Some(step) => format!("`{step}`"),
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for key in unexpected {
                unknown_key(key, node, in_schema, &known_keys(kind, error), report);
            }
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            report
                .error(codes::MISSING_KEY, at, format!("{name} lacks the key `{key}`"))
                .help(missing_help(key));
        }
        ValidationErrorKind::Type { .. } => {
            let expected = article(&expected_type(kind, error));
            report
                .error(codes::WRONG_TYPE, at, format!("{name} is {}, not {expected}", describe(node)))
                .help(format!("write {expected}"));
        }
        ValidationErrorKind::Enum { options } => {
            let known: Vec<&str> =
                options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let written = node.as_str().map_or_else(|| node.to_json().to_string(), str::to_owned);
            report
                .error(codes::NOT_ONE_OF, at, format!("`{written}` is not one of {}", known.join(", ")))
                .help(suggest::help(&written, &known));
        }
        ValidationErrorKind::Constant { expected_value } => {
            report
                .error(codes::NOT_ONE_OF, at, format!("{name} is not {expected_value}"))
                .help(format!("write {expected_value}"));
        }
        ValidationErrorKind::Pattern { pattern } => {
            let written = node.as_str().unwrap_or_default();
            report
                .error(codes::MALFORMED, at, format!("`{written}` is malformed"))
                .help(pattern_help(steps.first().map_or("", String::as_str), pattern));
        }
        _ => {
            report
                .error(codes::MALFORMED, at, format!("{name}: {}", error.masked_with("the value")))
                .help(shape_help(steps.last().map_or("", String::as_str)));
        }
    }
}

fn unknown_key(key: &str, node: &Node, in_schema: bool, known: &[String], report: &mut Report) {
    let at = node.entry(key).map_or(&node.at, |entry| &entry.key_at);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    if in_schema {
        report
            .error(codes::KEYWORD, at, format!("the keyword `{key}` is not in the subset that is enforced"))
            .help(keyword_help(key, &known));
    } else {
        report.error(codes::UNKNOWN_KEY, at, format!("unknown key `{key}`")).help(suggest::help(key, &known));
    }
}

/// The properties that the failing subschema knows.
fn known_keys(kind: FileKind, error: &ValidationError<'_>) -> Vec<String> {
    let path = error.schema_path().as_str();
    let parent = path.strip_suffix("/additionalProperties").unwrap_or(path);
    let canonical = parent.rfind("/$defs/").map_or(parent, |start| &parent[start..]);
    let own = |schema: &Value| -> Option<Vec<String>> {
        let keys: &Map<String, Value> = schema.pointer(canonical)?.get("properties")?.as_object()?;
        let mut keys: Vec<String> = keys.keys().cloned().collect();
        keys.sort();
        Some(keys)
    };
    own(of(kind))
        .unwrap_or_else(|| ["infrastructure", "status", "description", "details"].map(str::to_owned).to_vec())
}

fn keyword_help(key: &str, known: &[&str]) -> String {
    match key {
        "anyOf" | "allOf" | "not" | "if" | "then" | "else" => {
            "use `oneOf` with a tag property, or a type of its own".to_owned()
        }
        "nullable" => "write `type: [string, \"null\"]`".to_owned(),
        "$defs" | "definitions" => "move the type into operations/_shared".to_owned(),
        "patternProperties" | "propertyNames" => "use `additionalProperties` with a schema".to_owned(),
        "example" => "use `examples`, a list".to_owned(),
        "secret" | "writeOnly" => "did you mean `x-secret`?".to_owned(),
        _ => suggest::help(key, known),
    }
}

fn missing_help(key: &str) -> String {
    match key {
        "access" => "write `access: { requiredScopes: [] }` to let every authenticated caller in".to_owned(),
        "requiredScopes" => "write `requiredScopes: []` to let every authenticated caller in".to_owned(),
        "input" => "write `input: { type: object, additionalProperties: false }` if there is none".to_owned(),
        "since" => "write the version of the hub that will have it, for example `since: 0.2.0`".to_owned(),
        _ => format!("add `{key}:`"),
    }
}

fn pattern_help(first: &str, pattern: &str) -> String {
    match first {
        "version" | "since" => "write a version such as `1.2.0`".to_owned(),
        "access" => "write a scope such as `project:write`".to_owned(),
        "errors" => "write a code such as `PROJECT_EXISTS`, or \"*\"".to_owned(),
        "tags" => "write lower-case letters, digits and hyphens".to_owned(),
        _ => format!("it has to match {pattern}"),
    }
}

fn shape_help(last: &str) -> &'static str {
    match last {
        "type" => "write one type, or `[string, \"null\"]`",
        "status" => "an error's status is between 400 and 599",
        _ => "see docs/operations.md",
    }
}

/// The schema in which what a file says is looked up; that of operations has the words of shared types, too.
fn of(kind: FileKind) -> &'static Value {
    match kind {
        FileKind::Template => &TEMPLATE,
        _ => &OPERATION,
    }
}

fn expected_type(kind: FileKind, error: &ValidationError<'_>) -> String {
    let path = error.schema_path().as_str();
    let canonical = path.rfind("/$defs/").map_or(path, |start| &path[start..]);
    of(kind).pointer(canonical).and_then(Value::as_str).unwrap_or("object").to_owned()
}

fn article(kind: &str) -> String {
    match kind {
        "array" => "a list".to_owned(),
        "object" => "a mapping".to_owned(),
        "integer" => "a whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        other => format!("a {other}"),
    }
}

fn describe(node: &Node) -> &'static str {
    use crate::source::Data;
    match node.data {
        Data::Null => "empty",
        Data::Bool(_) => "a boolean",
        Data::Int(_) | Data::Float(_) => "a number",
        Data::Str(_) => "a string",
        Data::Seq(_) => "a list",
        Data::Map(_) => "a mapping",
    }
}

/// The unescaped steps of a JSON Pointer.
fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// The place of a JSON Pointer below a node, as exact as it can be told.
#[must_use]
pub fn place(root: &Node, pointer: &str) -> Span {
    let steps = steps(pointer);
    root.locate(steps.iter().map(String::as_str)).1.clone()
}
