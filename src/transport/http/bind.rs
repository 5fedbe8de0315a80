//! From a request to an operation's input: path, then query or body, as the route declares.

use std::collections::BTreeMap;

use alkhub_core::{
    CallError, Descriptor, Fault,
    engine::{Input, parse},
    validate::child,
};
use poem::{Request, http::Method};
use serde_json::{Map, Value};

use super::{body, sse};
use crate::config::Limits;

/// How text becomes JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scalar {
    Text,
    Integer,
    Number,
    Boolean,
}

/// How one property is read from path or query.
#[derive(Clone, Copy)]
struct Property {
    scalar: Scalar,
    list: bool,
}

/// The plan by which a route reads its input, made once.
pub(super) struct Binding {
    path: Vec<String>,
    properties: BTreeMap<String, Property>,
    from_query: bool,
    resumable: bool,
}

impl Binding {
    /// Reads the plan off a descriptor.
    #[must_use]
    pub(super) fn new(descriptor: &Descriptor, method: &Method) -> Self {
        let schema: Value = serde_json::from_str(descriptor.input_schema).unwrap_or_default();
        let path = descriptor.http.map(|http| path_parameters(http.path)).unwrap_or_default();
        let properties = schema["properties"].as_object().map_or_else(BTreeMap::new, |properties| {
            properties.iter().map(|(name, node)| (name.clone(), property(node, &schema))).collect()
        });
        let from_query = method == Method::GET || method == Method::DELETE;
        Self {
            path: path.into_iter().map(str::to_owned).collect(),
            properties,
            from_query,
            resumable: sse::is_resumable(descriptor),
        }
    }

    /// The input, not yet validated.
    ///
    /// # Errors
    /// What reading the body answers with, or VALIDATION_ERROR where a value stands in the wrong place.
    pub(super) async fn read(&self, request: &mut Request, limits: &Limits) -> Result<Input, CallError> {
        let mut input = if self.from_query {
            let mut input = self.query(request.uri().query().unwrap_or_default())?;
            if self.resumable
                && let Some(last) = request.headers().get("last-event-id")
                && input.get(sse::SINCE).is_none_or(is_sequence)
            {
                // A browser that comes again repeats its URL; how far it has come stands in the header.
                let last = String::from_utf8_lossy(last.as_bytes());
                input.insert(sse::SINCE.to_owned(), coerce(&last, Scalar::Integer));
            }
            input
        } else {
            match body::read_json(request, limits).await? {
                None => Map::new(),
                // Nothing is added to it, so it is read where its type is known.
                Some(json) if self.path.is_empty() => {
                    return Ok(Input::Text { json, depth: limits.json_depth });
                }
                Some(json) => object(&json, limits.json_depth)?,
            }
        };
        for (index, name) in self.path.iter().enumerate() {
            let text = request.raw_path_param(&format!("p{index}")).unwrap_or_default();
            let scalar = self.properties.get(name).map_or(Scalar::Text, |property| property.scalar);
            if input.insert(name.clone(), coerce(text, scalar)).is_some() {
                return Err(CallError::fault(
                    child("", name),
                    "is given by the path and must not be given again",
                ));
            }
        }
        Ok(Value::Object(input).into())
    }

    fn query(&self, query: &str) -> Result<Map<String, Value>, CallError> {
        let mut input = Map::new();
        let mut faults = Vec::new();
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            let property = self.properties.get(&*name).copied();
            let scalar = property.map_or(Scalar::Text, |property| property.scalar);
            let value = coerce(&text, scalar);
            if property.is_some_and(|property| property.list) {
                let slot = input.entry(&*name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(items) = slot {
                    items.push(value);
                }
            } else if input.insert(name.clone().into_owned(), value).is_some() {
                let message = "is given more than once".to_owned();
                faults.push(Fault { pointer: child("", &name), message, keyword: None });
            }
        }
        if faults.is_empty() { Ok(input) } else { Err(CallError::validation(faults)) }
    }
}

fn object(json: &[u8], depth: usize) -> Result<Map<String, Value>, CallError> {
    match parse(json, depth)? {
        Value::Object(map) => Ok(map),
        _ => Err(CallError::fault("", "must be of type object")),
    }
}

/// What may be overridden; anything else is left for validation to refuse.
fn is_sequence(value: &Value) -> bool {
    value.as_u64().is_some_and(|number| number < 1 << 53)
}

/// Names in braces, in order.
#[must_use]
pub(super) fn path_parameters(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
}

fn property(node: &Value, root: &Value) -> Property {
    let node = resolve(node, root);
    if node["type"] == "array" {
        return Property { scalar: scalar(resolve(&node["items"], root)), list: true };
    }
    Property { scalar: scalar(node), list: false }
}

fn resolve<'a>(node: &'a Value, root: &'a Value) -> &'a Value {
    let target = node["$ref"].as_str().and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    target.unwrap_or(node)
}

fn scalar(node: &Value) -> Scalar {
    let name = node["type"]
        .as_str()
        .or_else(|| node["type"].as_array()?.iter().filter_map(Value::as_str).find(|name| *name != "null"));
    match name {
        Some("integer") => Scalar::Integer,
        Some("number") => Scalar::Number,
        Some("boolean") => Scalar::Boolean,
        _ => Scalar::Text,
    }
}

/// Text that is not of the declared type stays text, and validation says what would be right.
fn coerce(text: &str, scalar: Scalar) -> Value {
    let parsed = match scalar {
        Scalar::Text => None,
        Scalar::Boolean => text.parse::<bool>().ok().map(Value::from),
        Scalar::Integer | Scalar::Number => serde_json::from_str::<Value>(text).ok().filter(Value::is_number),
    };
    parsed.unwrap_or_else(|| Value::from(text))
}
