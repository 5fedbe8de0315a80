//! What of an operation's schemas connects it with others: the named types and formats that it takes and gives.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use alkhub_flow::{child, close, target};
use serde_json::Value;

/// Most places of one output that are looked at.
const GIVES: usize = 256;
/// Deepest place of an output that is looked at.
const DEPTH: usize = 6;
/// Formats that say what a value is for; every other thing has a date.
const FORMATS: &[&str] = &["uri", "email", "hostname", "ipv4", "ipv6"];

/// A closed schema and a number that stands for it.
#[derive(Clone, Debug)]
pub struct Shape {
    pub(super) hash: u64,
    pub(super) schema: Arc<Value>,
}

impl Shape {
    fn new(node: &Value, root: &Value) -> Self {
        let schema = close(node, root);
        let mut hasher = DefaultHasher::new();
        schema.to_string().hash(&mut hasher);
        Self { hash: hasher.finish(), schema: Arc::new(schema) }
    }
}

/// A property of an input.
#[derive(Clone, Debug)]
pub struct Take {
    /// Its name.
    pub property: String,
    /// Whether a call has to have it.
    pub required: bool,
    /// What fits by name: `Project`, `Project.id`, `uri`.
    pub anchors: Vec<String>,
    /// Its schema.
    pub shape: Shape,
}

/// A place in an output.
#[derive(Clone, Debug)]
pub struct Give {
    /// JSON Pointer to it; of a list, to its first item.
    pub pointer: String,
    /// What it is by name.
    pub anchor: String,
    /// Its schema.
    pub shape: Shape,
}

/// What an operation takes and gives.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Properties of the input.
    pub takes: Vec<Take>,
    /// Named places in the output, outermost first.
    pub gives: Vec<Give>,
}

impl Profile {
    /// Reads the texts of two schemas; what cannot be read connects with nothing.
    #[must_use]
    pub fn new(input: &str, output: &str) -> Self {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let (input, output) = (read(input), read(output));
        let mut gives = Vec::new();
        let mut walk = Walk { root: &output, gives: &mut gives, seen: BTreeSet::new() };
        walk.node(&output, "", None, 0);
        gives.sort_by_key(|give| give.pointer.matches('/').count());
        Self { takes: takes(&input), gives }
    }

    /// Names of the types that it takes, each once.
    #[must_use]
    pub fn taken(&self) -> BTreeSet<&str> {
        self.takes.iter().flat_map(|take| &take.anchors).map(|anchor| type_of(anchor)).collect()
    }

    /// Names of the types that it gives, each once.
    #[must_use]
    pub fn given(&self) -> BTreeSet<&str> {
        self.gives.iter().map(|give| type_of(&give.anchor)).collect()
    }
}

/// `Project` of `Project.id`.
pub(super) fn type_of(anchor: &str) -> &str {
    anchor.strip_suffix(".id").unwrap_or(anchor)
}

fn takes(root: &Value) -> Vec<Take> {
    let (schema, _) = resolved(root, root);
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|held| held == name))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let take = |(name, node): (&String, &Value)| {
        let (target, type_name) = resolved(node, root);
        let mut anchors: Vec<String> = type_name.into_iter().collect();
        anchors.extend(of_name(name));
        anchors.extend(format(target));
        Take { property: name.clone(), required: required(name), anchors, shape: Shape::new(node, root) }
    };
    properties.into_iter().flatten().map(take).collect()
}

struct Walk<'a> {
    root: &'a Value,
    gives: &'a mut Vec<Give>,
    /// Named types above, which may contain themselves.
    seen: BTreeSet<String>,
}

impl Walk<'_> {
    fn node(&mut self, node: &Value, pointer: &str, name: Option<(&str, Option<&str>)>, depth: usize) {
        if depth > DEPTH || self.gives.len() >= GIVES {
            return;
        }
        let (schema, type_name) = resolved(node, self.root);
        let mut anchors: Vec<String> = type_name.iter().cloned().collect();
        if let Some((name, owner)) = name {
            anchors.extend(of_name(name));
            anchors.extend(owner.filter(|_| name == "id").map(|owner| format!("{owner}.id")));
        }
        anchors.extend(format(schema));
        if !anchors.is_empty() {
            let shape = Shape::new(node, self.root);
            self.gives.extend(anchors.into_iter().map(|anchor| Give {
                pointer: pointer.to_owned(),
                anchor,
                shape: shape.clone(),
            }));
        }
        let entered = match &type_name {
            Some(name) if !self.seen.insert(name.clone()) => return,
            entered => entered.clone(),
        };
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let pointer = child(pointer, name);
            self.node(property, &pointer, Some((name, type_name.as_deref())), depth + 1);
        }
        if let Some(items) = schema.get("items") {
            self.node(items, &format!("{pointer}/0"), None, depth + 1);
        }
        for keyword in ["anyOf", "oneOf", "allOf"] {
            for part in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
                self.node(part, pointer, None, depth + 1);
            }
        }
        if let Some(name) = entered {
            self.seen.remove(&name);
        }
    }
}

/// What a node is after its references, and the name of its type: the outermost reference, else a title that is a name.
fn resolved<'a>(node: &'a Value, root: &'a Value) -> (&'a Value, Option<String>) {
    let (mut node, mut name) = (node, None);
    for _ in 0..DEPTH {
        let Some(reference) = node.get("$ref").and_then(Value::as_str) else { break };
        let Some(to) = target(reference, root) else { break };
        name = name.or_else(|| reference.rsplit('/').next().map(str::to_owned));
        node = to;
    }
    let title = node.get("title").and_then(Value::as_str).filter(|title| is_name(title));
    let name = name.or_else(|| title.map(str::to_owned));
    (node, name)
}

fn is_name(title: &str) -> bool {
    title.starts_with(|letter: char| letter.is_ascii_uppercase())
        && title.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// `Project.id` of `projectId` and `project_id`.
fn of_name(name: &str) -> Option<String> {
    let thing =
        name.strip_suffix("Id").or_else(|| name.strip_suffix("_id")).filter(|thing| !thing.is_empty())?;
    let mut letters = thing.chars();
    let first = letters.next()?.to_ascii_uppercase();
    Some(format!("{first}{}.id", letters.as_str()))
}

fn format(schema: &Value) -> Option<String> {
    let format = schema.get("format").and_then(Value::as_str)?;
    FORMATS.contains(&format).then(|| format.to_owned())
}
