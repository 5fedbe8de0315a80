//! What the schema accepts the server accepts, and what it refuses the server refuses. Values are generated from the
//! schema and then bent; the `jsonschema` crate is the judge.

use proptest::{
    prelude::*,
    strategy::BoxedStrategy,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};

use crate::support::hub::{TestHub, each_hub};

/// Values near a schema: mostly valid, often at or just past a bound.
fn near(schema: &Value) -> BoxedStrategy<Value> {
    let valid = plausible(schema);
    prop_oneof![60 => valid, 1 => anything()].boxed()
}

fn plausible(schema: &Value) -> BoxedStrategy<Value> {
    if let Some(branches) = schema["oneOf"].as_array() {
        return prop::sample::select(branches.clone()).prop_flat_map(|branch| plausible(&branch)).boxed();
    }
    if let Some(only) = schema.get("const") {
        return Just(only.clone()).boxed();
    }
    if let Some(options) = schema["enum"].as_array() {
        return prop::sample::select(options.clone()).boxed();
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names[0].as_str().unwrap_or_default().to_owned(),
        _ => return anything(),
    };
    match name.as_str() {
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "integer" => {
            let bound = |key: &str, or: i64| schema[key].as_i64().unwrap_or(or);
            let (low, high) = (bound("minimum", -1000), bound("maximum", 1000));
            prop_oneof![
                20 => (low..=high).prop_map(Value::from),
                10 => (low..=high).prop_map(|n| json!(n as f64)),
                1 => Just(json!(low.saturating_sub(1))),
                1 => Just(json!(high.saturating_add(1))),
                1 => Just(json!(0.5)),
                1 => Just(json!(1e300)),
                1 => Just(json!(u64::MAX)),
            ]
            .boxed()
        }
        "number" => prop_oneof![
            8 => (0.001..0.999_f64).prop_map(Value::from),
            1 => (-100.0..100.0_f64).prop_map(Value::from),
            1 => (-100..100_i64).prop_map(Value::from),
            1 => Just(json!(1e308)),
        ]
        .boxed(),
        "string" => text(schema),
        "array" => {
            let (items, most) =
                (schema["items"].clone(), schema["maxItems"].as_u64().unwrap_or(4).min(6) as usize);
            prop::collection::vec(near(&items), 1..=most + 1).prop_map(Value::from).boxed()
        }
        "object" => object(schema),
        _ => anything(),
    }
}

fn text(schema: &Value) -> BoxedStrategy<Value> {
    let good: &[&str] = match schema["format"].as_str() {
        Some("email") => &["a@b.example", "a@", "@", "a b@c.d"],
        Some("uuid") => {
            &["0199f0a2-7b1c-7cc3-9a55-0d6c7d3a1b2c", "0199f0a2", "0199F0A2-7B1C-7CC3-9A55-0D6C7D3A1B2C"]
        }
        Some("date-time") => {
            &["2026-01-02T03:04:05Z", "2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02T03:04:05+01:00"]
        }
        Some("date") => &["2026-01-02", "2026-02-30", "26-1-2"],
        Some("uri") => &["https://a.example/b?c#d", "/relative", "a b", "urn:x:y"],
        _ => {
            let most = schema["maxLength"].as_u64().unwrap_or(10).min(40) as usize;
            let pattern = schema["pattern"].as_str().map_or("[ -~äß語]", |_| "[a-z]");
            let of = |least: usize, most: usize| {
                let expression = format!("{pattern}{{{least},{most}}}");
                proptest::string::string_regex(&expression).expect("a pattern").prop_map(Value::from)
            };
            return prop_oneof![20 => of(1, most), 1 => of(0, 0), 1 => of(most + 1, most + 1)].boxed();
        }
    };
    // The first is valid; the others are mostly not.
    prop_oneof![8 => Just(good[0]), 1 => prop::sample::select(good)].prop_map(Value::from).boxed()
}

fn object(schema: &Value) -> BoxedStrategy<Value> {
    let Some(properties) = schema["properties"].as_object() else {
        let values = near(&schema["additionalProperties"]);
        return prop::collection::btree_map("[a-z]{1,3}", values, 0..5)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
            .boxed();
    };
    let required = schema["required"].clone();
    let fields: Vec<BoxedStrategy<Option<(String, Value)>>> = properties
        .iter()
        .map(|(name, node)| {
            let name = name.clone();
            let chance =
                if required.as_array().is_some_and(|all| all.contains(&json!(name))) { 0.995 } else { 0.25 };
            prop::option::weighted(chance, near(node))
                .prop_map(move |value| Some((name.clone(), value?)))
                .boxed()
        })
        .collect();
    let extra = prop::option::weighted(0.02, "[a-z]{1,5}");
    (fields, extra)
        .prop_map(|(fields, extra)| {
            let mut map: Map<String, Value> = fields.into_iter().flatten().collect();
            if let Some(name) = extra {
                map.entry(name).or_insert(json!(1));
            }
            Value::Object(map)
        })
        .boxed()
}

fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::from)).boxed()
}

/// Sends many inputs through the gateway, where every part of the input can be anything, and compares.
async fn compare(hub: &TestHub, operation_id: &str, schema: &str, cases: u32) {
    let schema: Value = serde_json::from_str(schema).expect("a schema");
    let judge = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let strategy = near(&schema);
    let (mut accepted, mut refused) = (0, 0);
    let inputs: Vec<Value> =
        (0..cases).map(|_| strategy.new_tree(&mut runner).expect("a value").current()).collect();
    for batch in inputs.chunks(100) {
        let calls: Vec<Value> =
            batch.iter().map(|input| json!({ "operationId": operation_id, "input": input })).collect();
        let answer = hub.post("/api/batch", json!({ "calls": calls })).await.ok();
        for (input, result) in batch.iter().zip(answer["results"].as_array().expect("results")) {
            let valid = judge.is_valid(input);
            if valid {
                assert!(result["error"].is_null(), "{operation_id} refused the valid {input}: {result}");
                accepted += 1;
            } else {
                assert_eq!(
                    result["error"]["code"], "VALIDATION_ERROR",
                    "{operation_id} took {input}: {result}"
                );
                refused += 1;
            }
        }
    }
    println!("{operation_id}: {accepted} accepted, {refused} refused");
    assert!(
        accepted > cases / 50 && refused > cases / 50,
        "{operation_id}: {accepted} accepted, {refused} refused"
    );
}

#[tokio::test]
async fn server_and_schema_agree() {
    each_hub(async |hub| {
        for operation in alkhub_testkit::api::OPERATIONS {
            if ["kit.shapes", "kit.pick", "kit.ingest"].contains(&operation.id) {
                compare(hub, operation.id, operation.input_schema, 600).await;
            }
        }
    })
    .await;
}
