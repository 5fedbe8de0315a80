//! Parameters of an operation, as documents of all versions declare them.

use serde_json::{Map, Value, json};

use super::{
    document::{Documents, Node},
    plan::{Parameter, Place, Writing},
    schema::{Direction, Schema, Schemas},
    serialise::{Manner, Style},
};

/// Headers that are not a parameter's to set: OpenAPI says so of the first three, the others are the connection's.
const OWN_HEADERS: [&str; 14] = [
    "accept",
    "content-type",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A parameter with its schema.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) parameter: Parameter,
    pub(super) required: bool,
    pub(super) schema: Schema,
}

/// What stands for a body in Swagger 2.
#[derive(Debug, Default)]
pub(super) struct OldBody<'a> {
    pub(super) body: Option<Node<'a>>,
    pub(super) form: Vec<Node<'a>>,
}

/// Parameters of the path and of the operation; the operation's own replace those of the same name and place. Lines for the
/// report go to `notes`.
pub(super) fn read<'a>(
    documents: &'a Documents,
    schemas: &mut Schemas<'_>,
    path: Node<'a>,
    operation: Node<'a>,
    notes: &mut Vec<String>,
) -> (Vec<Declared>, OldBody<'a>) {
    let mut nodes: Vec<(&str, &str, Node<'a>)> = Vec::new();
    for node in path.items("parameters").chain(operation.items("parameters")) {
        let node = match documents.follow(node) {
            Ok(node) => node,
            Err(error) => {
                notes.push(format!("a parameter is left out: {error}"));
                continue;
            }
        };
        let (Some(name), Some(place)) = (node.text("name"), node.text("in")) else {
            notes.push("a parameter without `name` or `in` is left out".to_owned());
            continue;
        };
        nodes.retain(|(known, place_known, _)| (*known, *place_known) != (name, place));
        nodes.push((name, place, node));
    }
    let mut declared = Vec::new();
    let mut old = OldBody::default();
    for (name, place, node) in nodes {
        let place = match place {
            "path" => Place::Path,
            "query" => Place::Query,
            "header" => Place::Header,
            "cookie" => Place::Cookie,
            "body" => {
                old.body = Some(node);
                continue;
            }
            "formData" => {
                old.form.push(node);
                continue;
            }
            other => {
                notes.push(format!("the parameter `{name}` is left out: no request has a place `{other}`"));
                continue;
            }
        };
        if place == Place::Header && !is_free_header(name) {
            notes.push(format!("the header parameter `{name}` is left out: the hub sets this header itself"));
            continue;
        }
        if place == Place::Cookie && !is_token(name) {
            notes.push(format!("the cookie parameter `{name}` is left out: no cookie can have this name"));
            continue;
        }
        declared.push(one(schemas, name, place, node));
    }
    declared.sort_by_key(|one| one.parameter.place);
    (declared, old)
}

fn is_free_header(name: &str) -> bool {
    is_token(name) && !OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// A token of RFC 9110.
fn is_token(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

fn one(schemas: &mut Schemas<'_>, name: &str, place: Place, node: Node<'_>) -> Declared {
    let content = node.members("content").next();
    let (mut schema, writing) = if let Some((_, media)) = content {
        let schema = media.get("schema").map(|schema| schemas.convert(schema, Direction::Request));
        (schema.unwrap_or_default(), Writing::Json(manner(node, place)))
    } else {
        // Before OpenAPI 3, the keywords stood in the parameter itself.
        let schema = schemas.convert(node.get("schema").unwrap_or(node), Direction::Request);
        (schema, Writing::Parts(manner(node, place)))
    };
    describe(&mut schema, node);
    Declared {
        parameter: Parameter { key: name.to_owned(), name: name.to_owned(), place, writing },
        required: place == Place::Path || node.flag("required"),
        schema,
    }
}

/// What the parameter says of itself stands in its schema.
pub(super) fn describe(schema: &mut Schema, node: Node<'_>) {
    if !schema.value.is_object() {
        schema.value = json!({});
    }
    let Some(members) = schema.value.as_object_mut() else { return };
    if let Some(text) = node.text("description").filter(|text| !text.is_empty()) {
        members.insert("description".to_owned(), super::cut(text, 600).into());
    }
    if node.flag("deprecated") {
        members.insert("deprecated".to_owned(), true.into());
    }
    let example = node.value.get("example").filter(|example| example.to_string().len() <= 200);
    if let Some(example) = example {
        members.entry("examples").or_insert_with(|| json!([example]));
    }
}

/// How a parameter is written, by what the document says and by the defaults of its place.
pub(super) fn manner(node: Node<'_>, place: Place) -> Manner {
    let old = match node.text("collectionFormat") {
        Some("ssv") => Some((Style::SpaceDelimited, false)),
        Some("pipes") => Some((Style::PipeDelimited, false)),
        Some("multi") => Some((Style::Form, true)),
        Some(_) => Some((usual(place), false)),
        // Swagger 2, where the schema stands in the parameter: `csv` is its default.
        None if node.get("schema").is_none()
            && node.get("content").is_none()
            && node.get("type").is_some() =>
        {
            Some((usual(place), false))
        }
        None => None,
    };
    let said = node.text("style").and_then(Style::named).filter(|style| fits(*style, place));
    let style = said.or_else(|| old.map(|(style, _)| style)).unwrap_or_else(|| usual(place));
    let explode = node.value.get("explode").and_then(Value::as_bool);
    let explode = explode.or_else(|| old.map(|(_, explode)| explode)).unwrap_or(style == Style::Form);
    Manner { style, explode, allow_reserved: place == Place::Query && node.flag("allowReserved") }
}

fn usual(place: Place) -> Style {
    match place {
        Place::Path | Place::Header => Style::Simple,
        Place::Query | Place::Cookie => Style::Form,
    }
}

fn fits(style: Style, place: Place) -> bool {
    match place {
        Place::Path => matches!(style, Style::Simple | Style::Label | Style::Matrix),
        Place::Header => style == Style::Simple,
        Place::Cookie => style == Style::Form,
        Place::Query => !matches!(style, Style::Simple | Style::Label | Style::Matrix),
    }
}

/// Gives each parameter a property of its own in the input: its name, or with its place before it where another parameter or
/// the body has that.
pub(super) fn assign_keys(declared: &mut [Declared], has_body: bool, notes: &mut Vec<String>) {
    let mut taken: Vec<String> = if has_body { vec!["body".to_owned()] } else { Vec::new() };
    for one in declared {
        let parameter = &mut one.parameter;
        let mut key = parameter.name.clone();
        if taken.contains(&key) {
            key = format!("{}_{}", parameter.place.as_str(), parameter.name);
            while taken.contains(&key) {
                key.push('_');
            }
            notes.push(format!(
                "the {} parameter `{}` is `{key}` in the input: the name is taken",
                parameter.place.as_str(),
                parameter.name
            ));
        }
        taken.push(key.clone());
        parameter.key = key;
    }
}

/// Path parameters that the path has no place for go, and places that no parameter is declared for get one of text.
pub(super) fn match_path(declared: &mut Vec<Declared>, path: &str, notes: &mut Vec<String>) {
    let mut wanted: Vec<&str> = Vec::new();
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        if !wanted.contains(&name) {
            wanted.push(name);
        }
        rest = after;
    }
    declared.retain(|one| {
        let has_place = one.parameter.place != Place::Path || wanted.contains(&one.parameter.name.as_str());
        if !has_place {
            notes.push(format!(
                "the path parameter `{}` is left out: the path has no place for it",
                one.parameter.name
            ));
        }
        has_place
    });
    for name in wanted {
        let is_declared =
            declared.iter().any(|one| one.parameter.place == Place::Path && one.parameter.name == name);
        if !is_declared {
            notes.push(format!("the path parameter `{name}` is declared nowhere and taken for text"));
            let manner = Manner { style: Style::Simple, explode: false, allow_reserved: false };
            let parameter = Parameter {
                key: name.to_owned(),
                name: name.to_owned(),
                place: Place::Path,
                writing: Writing::Parts(manner),
            };
            let schema = Schema { value: json!({ "type": "string" }), refers_to: Vec::new() };
            declared.insert(0, Declared { parameter, required: true, schema });
        }
    }
}

/// The properties of the input for these parameters, and which are required.
pub(super) fn properties(declared: &[Declared]) -> (Map<String, Value>, Vec<Value>) {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for one in declared {
        properties.insert(one.parameter.key.clone(), one.schema.value.clone());
        if one.required {
            required.push(one.parameter.key.as_str().into());
        }
    }
    (properties, required)
}
