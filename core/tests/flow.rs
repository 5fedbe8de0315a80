//! Which operations can follow each other: types against values, names, and how much work it is.

use std::sync::Arc;

use alkhub_core::{
    Call, CallError, Registry,
    engine::{Answer, Unchecked, handler::ErasedHandler},
    flow::{
        Fit, Graph, Place, close, fit,
        template::{Schemas, Template, check, order},
    },
    registry::{Entry, Registered, SpecLimits},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

struct Nothing;

#[async_trait::async_trait]
impl ErasedHandler for Nothing {
    async fn serve(&self, _: &Call, _: Unchecked<'_>) -> Result<Answer, CallError> {
        Err(CallError::bad_request("nobody calls it"))
    }
}

fn entry(id: &str, input: &Value, output: &Value) -> Entry {
    let (namespace, name) = id.split_once('.').expect("two parts");
    let spec = json!({
        "namespace": namespace, "name": name, "type": "query", "description": "",
        "inputSchema": input, "outputSchema": output,
    });
    let registered = Registered::read(&spec.to_string(), SpecLimits::default()).expect("a specification");
    Entry::registered(id, Arc::new(registered), None, Arc::new(Nothing))
}

fn takes_id(thing: &str) -> Value {
    json!({ "type": "object", "required": [format!("{thing}Id")], "properties": { format!("{thing}Id"): { "type": "string", "maxLength": 64 } } })
}

fn gives(name: &str) -> Value {
    let thing = json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } });
    json!({ "$ref": format!("#/$defs/{name}"), "$defs": { name: thing } })
}

/// A schema, and a value of it.
fn described() -> impl Strategy<Value = (Value, Value)> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|n| (json!({ "type": "integer" }), json!(n))),
        any::<i32>().prop_map(|n| (json!({ "type": "number" }), json!(f64::from(n) / 2.0))),
        any::<bool>().prop_map(|b| (json!({ "type": "boolean" }), json!(b))),
        "[a-c]{0,2}".prop_map(|s| (json!({ "type": "string" }), json!(s))),
        "[ab]".prop_map(|s| (json!({ "enum": ["a", "b"] }), json!(s))),
        Just((json!({ "type": ["string", "null"] }), Value::Null)),
        Just((json!({ "const": "a" }), json!("a"))),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| {
                let value = parts.iter().map(|(_, value)| value.clone()).next();
                (json!({ "type": "array", "items": parts[0].0 }), json!([value]))
            }),
            prop::collection::btree_map("[xyz]", (inner.clone(), any::<bool>()), 0..3).prop_map(|parts| {
                let required: Vec<_> =
                    parts.iter().filter(|(_, (_, is))| *is).map(|(name, _)| name).collect();
                let properties: Map<_, _> =
                    parts.iter().map(|(name, ((schema, _), _))| (name.clone(), schema.clone())).collect();
                let value: Map<_, _> = parts
                    .iter()
                    .filter(|(_, (_, is))| *is)
                    .map(|(name, ((_, value), _))| (name.clone(), value.clone()))
                    .collect();
                (
                    json!({ "type": "object", "required": required, "properties": properties }),
                    Value::Object(value),
                )
            }),
            (inner.clone(), inner)
                .prop_map(|((one, value), (other, _))| (json!({ "anyOf": [one, other] }), value)),
        ]
    })
}

proptest! {
    #[test]
    fn a_schema_fits_itself((schema, _) in described()) {
        prop_assert_eq!(fit(&schema, &schema), Fit::Yes);
    }

    #[test]
    fn what_fits_is_valid((given, value) in described(), (taken, _) in described()) {
        if fit(&given, &taken) == Fit::Yes {
            prop_assert!(jsonschema::is_valid(&taken, &value), "{value} of {given} is no {taken}");
        }
    }

    #[test]
    fn what_is_required_and_not_given_is_named((given, _) in described()) {
        let taken = json!({ "type": "object", "required": ["absent"], "properties": { "absent": given } });
        match fit(&json!({ "type": "object", "properties": {} }), &taken) {
            Fit::No(mismatch) => prop_assert_eq!(mismatch.pointer, "/absent"),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}

#[test]
fn schemas_are_closed_and_recursion_is_unknown() {
    let root = json!({ "$ref": "#/$defs/A", "$defs": { "A": { "type": "object", "description": "x", "properties": { "a": { "$ref": "#/$defs/A" } } } } });
    let closed = close(&root, &root);
    assert_eq!(closed["type"], "object");
    assert!(!closed.to_string().contains("$ref") && !closed.to_string().contains("description"));
    assert_eq!(fit(&json!({}), &json!({ "type": "string" })), Fit::Unknown);
    assert_eq!(
        fit(&json!({ "type": "string" }), &json!({ "type": "string", "format": "uri" })),
        Fit::Unknown
    );
    let Fit::No(mismatch) = fit(
        &json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "array", "items": { "type": "integer" } } } }),
        &json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "array", "items": { "type": "string" } } } }),
    ) else {
        panic!("integers are no texts")
    };
    assert_eq!(mismatch.pointer, "/a/0");
}

#[test]
fn ten_thousand_operations_are_compared_by_shape_and_not_by_pair() {
    let registry = Registry::new();
    let entries = (0..10_000).map(|number| {
        let (thing, next) = (format!("t{}", number % 100), format!("T{}", (number + 1) % 100));
        entry(&format!("n{number:05}.run"), &takes_id(&thing), &gives(&next))
    });
    registry.exchange(&[], entries.collect());
    let mut graph = Graph::default();
    graph.follow(&registry);
    let visible = |_: &Entry| true;
    assert_eq!(graph.successors(Place::Operation("n00000.run"), None, 1_000, visible).len(), 100);
    assert_eq!(graph.successors(Place::Operation("n00000.run"), Some("n09000.run"), 5, visible).len(), 5);
    let way = graph.path(Place::Type("T0"), Place::Operation("n00099.run"), visible).expect("a way");
    assert_eq!(way.len(), 100);
    assert!(way.iter().all(|edge| edge.missing.is_empty()));
    let cycles = graph.cycles(visible);
    assert_eq!(cycles.first().map(Vec::len), Some(10_000));
    assert!(graph.comparisons() < 1_000, "{} comparisons", graph.comparisons());

    registry.exchange(&["n00000.run".to_owned()], vec![]);
    assert!(!graph.is_current(&registry));
    graph.follow(&registry);
    assert!(graph.get("n00000.run").is_none());
    assert_eq!(graph.successors(Place::Type("T0"), None, 1_000, visible).len(), 99);
}

#[test]
fn what_is_hidden_is_no_way() {
    let registry = Registry::new();
    registry.exchange(
        &[],
        vec![
            entry("a.run", &json!({}), &gives("B")),
            entry("b.run", &takes_id("b"), &gives("C")),
            entry("c.run", &takes_id("c"), &json!({})),
        ],
    );
    let mut graph = Graph::default();
    graph.follow(&registry);
    let (from, to) = (Place::Operation("a.run"), Place::Operation("c.run"));
    assert_eq!(graph.path(from, to, |_| true).map(|way| way.len()), Some(3));
    assert!(graph.path(from, to, |entry| entry.id() != "b.run").is_none());
}

#[test]
fn faults_of_templates_are_found() {
    let find = |id: &str| {
        (id == "thing.get").then(|| Schemas {
            input: takes_id("thing"),
            output: close(&gives("Thing"), &gives("Thing")),
            subscription: false,
        })
    };
    let faults = |template: Value| {
        let template: Template = serde_json::from_value(template).expect("the form of a template");
        check(&template, find).into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
    };
    let bound = |id: &str, from: &str, pointer: &str| json!({ "id": id, "call": "thing.get", "input": { "thingId": { "$from": from, "pointer": pointer } } });
    assert!(faults(json!({ "steps": [bound("a", "input", "/x"), bound("b", "steps.a", "/id")] })).is_empty());
    assert_eq!(
        faults(json!({ "steps": [bound("a", "steps.b", "/id"), bound("b", "steps.a", "/id")] })),
        ["/steps"]
    );
    assert_eq!(
        faults(json!({ "steps": [bound("a", "input", "/x"), bound("b", "steps.a", "")] })),
        ["/steps/1/input/thingId"]
    );
    assert_eq!(faults(json!({ "steps": [bound("a", "item", "")] })), ["/steps/0/input/thingId"]);
    assert_eq!(faults(json!({ "steps": [{ "id": "a", "call": "thing.get" }] })), ["/steps/0/input/thingId"]);
    assert_eq!(faults(json!({ "steps": [] })), ["/steps"]);
    let template = json!({ "steps": [bound("b", "steps.a", "/id"), bound("a", "input", "/x")] });
    assert_eq!(order(&serde_json::from_value(template).expect("a template")), Ok(vec![1, 0]));
}

#[test]
fn inputs_and_places_that_there_are_not_are_faults() {
    let input = json!({
        "type": "object", "required": ["id"], "additionalProperties": false,
        "properties": {
            "id": { "$ref": "#/$defs/Id" },
            "size": { "type": "integer" },
            "owner": { "anyOf": [{ "$ref": "#/$defs/Owner" }, { "type": "null" }] },
            "tags": { "type": "array", "items": { "type": "string" } },
            "free": { "type": "object", "patternProperties": { "^x-": {} }, "additionalProperties": false },
        },
        "$defs": {
            "Id": { "type": "string" },
            "Owner": { "type": "object", "required": ["name"], "additionalProperties": false,
                "properties": { "name": { "type": "string" }, "mail": { "type": ["string", "null"] } } },
        },
    });
    let find = |id: &str| {
        (id == "a.b").then(|| Schemas {
            input: close(&input, &input),
            output: close(&input, &input),
            subscription: false,
        })
    };
    let faults = |template: Value| {
        let template: Template = serde_json::from_value(template).expect("the form of a template");
        let faults = check(&template, find).into_iter();
        faults.map(|fault| format!("{}: {}", fault.pointer, fault.message)).collect::<Vec<_>>()
    };
    let step = |input: Value| json!({ "steps": [{ "id": "a", "call": "a.b", "input": input }] });
    let good = json!({ "id": "x", "size": 3, "owner": { "name": "n", "mail": null }, "tags": ["t"], "free": { "x-a": 1 } });
    assert!(faults(step(good)).is_empty());
    assert!(faults(step(json!({ "id": "x", "owner": null }))).is_empty());
    assert_eq!(
        faults(step(json!({ "id": "x", "sise": 3 }))),
        ["/steps/0/input/sise: a.b does not take it: there is free, id, owner, size, tags"]
    );
    assert_eq!(
        faults(step(json!({ "id": 1, "size": "3", "owner": { "nmae": "n" }, "tags": [1], "free": [] }))),
        [
            "/steps/0/input/free: object is taken, and array is given",
            "/steps/0/input/id: string is taken, and integer may be given",
            "/steps/0/input/owner/nmae: a.b does not take it: there is mail, name",
            "/steps/0/input/size: integer is taken, and string may be given",
            "/steps/0/input/tags/0: string is taken, and integer may be given",
        ]
    );
    assert_eq!(
        faults(step(json!({ "id": "x", "owner": { "mail": "m" } }))),
        Vec::<String>::new(),
        "parts of a union are not known to be needed"
    );
    // Places in what steps give.
    let taking = |pointer: &str| {
        let bound = json!({ "$from": "steps.a", "pointer": pointer });
        json!({ "steps": [{ "id": "a", "call": "a.b", "input": { "id": "x" } }], "output": bound })
    };
    for there in ["", "/id", "/owner/mail", "/tags/0", "/free/x-y/z"] {
        assert!(faults(taking(there)).is_empty(), "{there}");
    }
    let nowhere = |pointer: &str, why: &str| {
        assert_eq!(faults(taking(pointer)), [format!("/output: there is nothing at `{pointer}`: {why}")]);
    };
    nowhere("/ID", "there is free, id, owner, size, tags");
    nowhere("/id/x", "it is string");
    nowhere("/owner/x", "there is mail, name");
    nowhere("/tags/first", "it is array");
    let each = json!({ "input": { "type": "object", "properties": { "ids": { "type": "array", "items": input } } },
        "steps": [{ "id": "a", "call": "a.b", "forEach": { "$from": "input", "pointer": "/ids" },
            "input": { "id": { "$from": "item", "pointer": "/uid" } } }],
        "output": { "$from": "steps.a", "pointer": "/0/size" } });
    assert_eq!(
        faults(each),
        ["/steps/0/input/id: there is nothing at `/uid`: there is free, id, owner, size, tags"]
    );
}

#[test]
fn schemas_together_open_objects_tuples_and_defaults() {
    let fits = |given: Value, taken: Value| fit(&close(&given, &given), &close(&taken, &taken));
    let part = |name: &str| json!({ "type": "object", "required": [name], "properties": { name: { "type": "string" } } });
    let both = json!({ "type": "object", "required": ["id", "name"] });
    assert_eq!(fits(json!({ "allOf": [part("id"), part("name")] }), both.clone()), Fit::Yes);
    assert!(matches!(fits(json!({ "allOf": [part("id"), part("nam")] }), both.clone()), Fit::No(_)));
    // One that names nothing may have anything; one that names some is meant to have these.
    assert_eq!(fits(json!({ "type": "object" }), both.clone()), Fit::Unknown);
    assert_eq!(
        fits(json!({ "type": "object", "additionalProperties": { "type": "string" } }), both.clone()),
        Fit::Unknown
    );
    assert!(matches!(fits(part("id"), both), Fit::No(_)));
    // What parts say against each other is not known.
    let torn = json!({ "allOf": [{ "type": ["string", "null"] }, { "type": "string" }] });
    assert_eq!(fits(torn, json!({ "type": "string" })), Fit::Unknown);
    let tuple =
        json!({ "type": "array", "prefixItems": [{ "type": "string" }], "items": { "type": "integer" } });
    assert!(close(&tuple, &tuple).get("items").is_none());
    let long = json!({ "enum": (0..3000).collect::<Vec<_>>() });
    assert_eq!(close(&long, &long), Value::Bool(true));
    let input = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    let template = json!({ "steps": [{ "id": "a", "call": "a.b",
        "input": { "n": { "$from": "input", "pointer": "/n", "default": "ten" } } }] });
    let faults = check(&serde_json::from_value(template).expect("a template"), |_| {
        Some(Schemas { input: input.clone(), output: json!(true), subscription: false })
    });
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].pointer, "/steps/0/input/n/default");
    let many: Vec<Value> = (0..5000).map(|_| json!({ "$from": "input" })).collect();
    let template = json!({ "steps": [{ "id": "a", "call": "a.b" }], "output": many });
    let faults = check(&serde_json::from_value(template).expect("a template"), |_| None);
    assert!(faults[0].message.contains("4000 bindings"), "{faults:?}");
}
