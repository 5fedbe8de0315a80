//! What a schema demands of JSON text that is read straight into a type: the part of JSON Schema that can be judged
//! while reading. Where the plan does not know, it says so, and the schema itself is asked.

use std::collections::HashMap;

use jsonschema::Validator;
use serde_json::{Map, Number, Value};

/// Deepest nesting of schemas that is followed.
const DEEPEST: usize = 64;
/// Up to here every integer has an exact `f64` (2^53).
pub(super) const EXACT: f64 = 9_007_199_254_740_992.0;

/// JSON types as a set of bits. An integer is a number too.
pub(super) type Types = u8;
pub(super) const NULL: Types = 1;
pub(super) const BOOLEAN: Types = 2;
pub(super) const INTEGER: Types = 4;
pub(super) const FRACTION: Types = 8;
pub(super) const STRING: Types = 16;
pub(super) const ARRAY: Types = 32;
pub(super) const OBJECT: Types = 64;
const ALL: Types = 127;

/// Place of a [`Node`] in a plan.
pub(super) type Place = usize;
/// Where everything is allowed.
pub(super) const ANY: Place = 0;

/// A compiled schema.
#[derive(Debug)]
pub(super) struct Plan {
    nodes: Vec<Node>,
    root: Place,
    depth: Option<usize>,
}

/// What holds for one place of the value.
#[derive(Debug)]
pub(super) enum Node {
    /// Anything is allowed.
    Any,
    /// Only the schema itself can tell.
    Unsure,
    /// These rules, and no others.
    Rules(Box<Rules>),
}

#[derive(Debug)]
pub(super) struct Rules {
    pub(super) types: Types,
    /// Fewest and most characters of a string.
    pub(super) length: (u64, u64),
    /// The only strings allowed.
    pub(super) allowed: Option<Vec<String>>,
    pub(super) range: Range,
    pub(super) object: Object,
    pub(super) array: Array,
    /// What is left to say of scalars: patterns, formats and the like.
    pub(super) judge: Option<Validator>,
}

/// Bounds of numbers; the flags say that the bound itself is outside.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) low: (f64, bool),
    pub(super) high: (f64, bool),
}

#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) place: Place,
    /// The bit of a required property.
    pub(super) required: u64,
}

#[derive(Debug)]
pub(super) struct Object {
    pub(super) properties: Vec<Property>,
    pub(super) required: u64,
    /// Where the values of other properties are judged; `None` where there must be none.
    pub(super) others: Option<Place>,
}

#[derive(Debug)]
pub(super) struct Array {
    pub(super) items: Place,
    /// Fewest and most items.
    pub(super) count: (u64, u64),
}

impl Plan {
    /// A plan that leaves every judgement to the schema itself.
    pub(super) fn unsure() -> Self {
        Self { nodes: vec![Node::Any, Node::Unsure], root: 1, depth: None }
    }

    /// Compiles a schema; never fails, for it may always be unsure.
    pub(super) fn compile(schema: &Value) -> Self {
        let mut compiler = Compiler { root: schema, nodes: vec![Node::Any], references: HashMap::new() };
        let root = compiler.below(schema, 0);
        let nodes = compiler.nodes;
        let depth = depth(&nodes, root, &mut Vec::new());
        Self { nodes, root, depth }
    }

    pub(super) fn root(&self) -> Place {
        self.root
    }

    pub(super) fn at(&self, place: Place) -> &Node {
        &self.nodes[place]
    }

    /// How deep a value can be nested that the plan accepts; `None` where there is no bound.
    pub(super) fn depth(&self) -> Option<usize> {
        self.depth
    }
}

fn depth(nodes: &[Node], place: Place, above: &mut Vec<Place>) -> Option<usize> {
    let rules = match &nodes[place] {
        Node::Any => return None,
        Node::Unsure => return Some(0),
        Node::Rules(rules) => rules,
    };
    if above.contains(&place) {
        return None;
    }
    above.push(place);
    let mut below = Some(0);
    let mut reach = |place| below = below.and_then(|below| Some(depth(nodes, place, above)?.max(below)));
    if rules.types & OBJECT != 0 {
        rules.object.properties.iter().map(|property| property.place).for_each(&mut reach);
        rules.object.others.into_iter().for_each(&mut reach);
    }
    if rules.types & ARRAY != 0 {
        reach(rules.array.items);
    }
    above.pop();
    below.map(|below| below + usize::from(rules.types & (OBJECT | ARRAY) != 0))
}

struct Compiler<'s> {
    root: &'s Value,
    nodes: Vec<Node>,
    references: HashMap<&'s str, Place>,
}

impl<'s> Compiler<'s> {
    fn place(&mut self, schema: &'s Value, depth: usize) -> Place {
        let place = self.nodes.len();
        self.nodes.push(Node::Unsure);
        if depth < DEEPEST {
            self.nodes[place] = self.node(schema, depth).unwrap_or(Node::Unsure);
        }
        place
    }

    fn below(&mut self, schema: &'s Value, depth: usize) -> Place {
        if schema == &Value::Bool(true) {
            return ANY;
        }
        let reference = schema.get("$ref").and_then(Value::as_str);
        let Some(reference) = reference.filter(|_| keywords(schema).count() == 1) else {
            return self.place(schema, depth + 1);
        };
        if let Some(place) = self.references.get(reference) {
            return *place;
        }
        let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        self.references.insert(reference, self.nodes.len());
        // What is not found compiles to what is not known.
        self.place(target.unwrap_or(&Value::Bool(false)), depth + 1)
    }

    /// `None` where a keyword is not known here.
    fn node(&mut self, schema: &'s Value, depth: usize) -> Option<Node> {
        let map = schema.as_object()?;
        if keywords(schema).next().is_none() {
            return Some(Node::Any);
        }
        let mut rules = Rules {
            types: map.get("type").map_or(Some(ALL), types)?,
            length: (0, u64::MAX),
            allowed: None,
            range: Range { low: (f64::NEG_INFINITY, false), high: (f64::INFINITY, false) },
            object: Object { properties: Vec::new(), required: 0, others: Some(ANY) },
            array: Array { items: ANY, count: (0, u64::MAX) },
            judge: None,
        };
        let mut judged = Map::new();
        for (keyword, value) in keywords(schema) {
            match keyword.as_str() {
                "type" => {}
                "minLength" => rules.length.0 = value.as_u64()?,
                "maxLength" => rules.length.1 = value.as_u64()?,
                "minimum" => raise(&mut rules.range.low, exact(value)?, false),
                "exclusiveMinimum" => raise(&mut rules.range.low, exact(value)?, true),
                "maximum" => lower(&mut rules.range.high, exact(value)?, false),
                "exclusiveMaximum" => lower(&mut rules.range.high, exact(value)?, true),
                "minItems" => rules.array.count.0 = value.as_u64()?,
                "maxItems" => rules.array.count.1 = value.as_u64()?,
                "items" => rules.array.items = self.below(value, depth),
                "properties" => {
                    for (name, schema) in value.as_object()? {
                        let place = self.below(schema, depth);
                        rules.object.properties.push(Property { name: name.clone(), place, required: 0 });
                    }
                }
                "additionalProperties" => {
                    rules.object.others = (value != &Value::Bool(false)).then(|| self.below(value, depth));
                }
                "required" => {}
                "enum" => match strings(value) {
                    Some(allowed) => rules.allowed = Some(allowed),
                    None => drop(judged.insert(keyword.clone(), value.clone())),
                },
                "const" | "multipleOf" | "pattern" | "format" => {
                    judged.insert(keyword.clone(), value.clone());
                }
                _ => return None,
            }
        }
        if rules.allowed.is_some() {
            // What else the type allows is none of the strings.
            rules.types &= STRING;
        }
        require(&mut rules.object, map.get("required"))?;
        if !judged.is_empty() {
            // Nested values are not kept while reading, so there is nothing to show to the judge.
            if rules.types & (ARRAY | OBJECT) != 0 {
                return None;
            }
            rules.judge = Some(super::options().build(&Value::Object(judged)).ok()?);
        }
        Some(Node::Rules(Box::new(rules)))
    }
}

/// Keywords that say something of the value.
fn keywords(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    const SILENT: [&str; 11] = [
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$comment",
        "$schema",
        "$id",
        "$defs",
    ];
    let map = schema.as_object().into_iter().flatten();
    map.filter(|(keyword, _)| !SILENT.contains(&keyword.as_str()) && !keyword.starts_with("x-"))
}

fn types(value: &Value) -> Option<Types> {
    match value {
        Value::String(name) => Some(match name.as_str() {
            "null" => NULL,
            "boolean" => BOOLEAN,
            "integer" => INTEGER,
            "number" => INTEGER | FRACTION,
            "string" => STRING,
            "array" => ARRAY,
            "object" => OBJECT,
            _ => return None,
        }),
        Value::Array(names) => {
            names.iter().filter(|name| name.is_string()).try_fold(0, |all, name| Some(all | types(name)?))
        }
        _ => None,
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// A bound that `f64` holds exactly.
fn exact(value: &Value) -> Option<f64> {
    let bound = value.as_number().and_then(Number::as_f64)?;
    (value.is_f64() || bound.abs() <= EXACT).then_some(bound)
}

fn raise(low: &mut (f64, bool), bound: f64, outside: bool) {
    if bound > low.0 || (bound == low.0 && outside) {
        *low = (bound, outside);
    }
}

fn lower(high: &mut (f64, bool), bound: f64, outside: bool) {
    if bound < high.0 || (bound == high.0 && outside) {
        *high = (bound, outside);
    }
}

/// Gives each required property its bit; `None` where there are too many, or one that is not declared.
fn require(object: &mut Object, names: Option<&Value>) -> Option<()> {
    let names = names.map_or(Some([].as_slice()), |names| names.as_array().map(Vec::as_slice))?;
    for (number, name) in names.iter().enumerate() {
        let bit = 1_u64.checked_shl(u32::try_from(number).ok()?)?;
        let property =
            object.properties.iter_mut().find(|property| Some(&*property.name) == name.as_str())?;
        property.required |= bit;
        object.required |= bit;
    }
    Some(())
}
