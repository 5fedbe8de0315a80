//! `generated/spoke.json` describes the messages as they are.

use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(format!("{ROOT}/{path}")).expect("the file is read");
    serde_json::from_str(&text).expect("JSON")
}

/// The payload of a message, with everything that it refers to.
fn schema(document: &Value, message: &str) -> jsonschema::Validator {
    let components = &document["components"];
    assert!(components["messages"][message].is_object(), "{message} is not described");
    let schema =
        json!({ "components": components, "$ref": format!("#/components/messages/{message}/payload") });
    jsonschema::validator_for(&schema).expect("a schema")
}

#[test]
fn every_golden_message_is_one_of_the_described() {
    let document = read("generated/spoke.json");
    let mut seen = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(format!("{ROOT}/core/tests/messages")).expect("a folder").flatten() {
        let name = file.file_name().into_string().expect("UTF-8");
        let message = read(&format!("core/tests/messages/{name}"));
        let kind = message["type"].as_str().expect("a type").to_owned();
        // Events are whatever somebody publishes.
        if !kind.starts_with("call.") {
            continue;
        }
        let faults: Vec<String> =
            schema(&document, &kind).iter_errors(&message).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
        let mut broken = message.clone();
        broken["payload"]["requestId"] = Value::Null;
        assert!(!schema(&document, &kind).is_valid(&broken), "{kind} without an id");
        seen.insert(kind);
    }
    let described = document["components"]["messages"].as_object().expect("messages").keys();
    // Those of operations have three parts: `call.list.requested`.
    let of_protocol = |name: &&String| name.starts_with("call.") && name.matches('.').count() == 1;
    let described = described.filter(of_protocol).cloned().collect();
    assert_eq!(seen, described, "each message of the protocol has a golden file");
}
