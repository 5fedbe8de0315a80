//! Each message of the protocol, byte by byte: what is written is what stands in `messages/`, and reads back.

use std::{fs, path::Path};

use alkhub_core::{
    CallError, Identity,
    envelope::Meta,
    protocol::{self, About, Message, typed},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const ID: &str = "5b7b0b8c-6a2a-4b8e-9f55-0c7d1d5a2f11";
const PARENT: &str = "0d4f4c1e-2f3a-4f62-8e0a-5a1b6c7d8e9f";

/// The golden text; written anew where UPDATE is set.
fn golden(name: &str, written: &[u8]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages").join(format!("{name}.json"));
    let written = std::str::from_utf8(written).expect("UTF-8");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{written}\n")).expect("written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(written, golden.trim_end(), "{name}");
    golden
}

/// What is read as a whole value and written again is the same JSON.
fn same<T: Serialize + DeserializeOwned>(text: &str) {
    let value: typed::EventEnvelope<T> = serde_json::from_str(text).expect("it reads");
    let again = serde_json::to_value(&value).expect("it writes");
    assert_eq!(again, serde_json::from_str::<Value>(text).expect("JSON"));
}

#[test]
fn requested() {
    let identity = Identity {
        id: "ci".to_owned(),
        scopes: vec!["disk:read".to_owned()],
        resources: [("disk:1".to_owned(), vec!["read".to_owned()])].into(),
    };
    let metadata = json!({ "ticket": 7 });
    let about = About {
        parent: Some(PARENT),
        deadline: Some(1_795_000_000_000),
        identity: Some(&identity),
        metadata: metadata.as_object(),
        window: Some(256),
    };
    let input = br#"{"path":"a \"b\".txt"}"#;
    let full = golden("requested", &protocol::requested(ID, "disk.read", input, about));
    same::<typed::Requested<Value>>(&full);
    let Ok(Message::Requested(read)) = protocol::read(&full) else { panic!("not a request") };
    assert_eq!((&*read.request_id, &*read.operation_id), (ID, "disk.read"));
    assert_eq!(read.input.map(|raw| raw.get().as_bytes()), Some(&input[..]));
    assert_eq!((read.deadline, read.window), (Some(1_795_000_000_000.0), Some(256)));
    assert_eq!(read.identity, Some(identity));

    let least = golden("requested-least", &protocol::requested(ID, "disk.read", b"{}", About::default()));
    same::<typed::Requested<Value>>(&least);
    let typed = typed::Request::new(ID, "disk.read", json!({}));
    assert_eq!(serde_json::to_string(&typed).expect("it writes"), least.trim_end());
}

#[test]
fn responded_with_each_kind_of_meta() {
    let metas = [
        ("local", Meta::Local { operation_id: "disk.read".to_owned(), timestamp: 1_795_000_000_000 }),
        (
            "http",
            Meta::Http {
                status_code: 200,
                headers: [("etag".to_owned(), "x".to_owned())].into(),
                content_type: "application/json".to_owned(),
            },
        ),
        (
            "mcp",
            Meta::Mcp {
                is_error: false,
                content: vec![json!({ "type": "text", "text": "hello" })],
                structured_content: json!({ "a": 1 }).as_object().cloned(),
                meta: None,
            },
        ),
    ];
    for (name, meta) in metas {
        let envelope = json!({ "data": { "text": "hello" }, "meta": meta }).to_string();
        let text = golden(&format!("responded-{name}"), &protocol::responded(ID, envelope.as_bytes()));
        same::<typed::Responded<Value>>(&text);
        let typed = typed::Response::new(ID, json!({ "text": "hello" }), meta);
        let written = serde_json::to_value(&typed).expect("it writes");
        assert_eq!(written, serde_json::from_str::<Value>(&text).expect("JSON"));
        let Ok(Message::Responded(read)) = protocol::read(&text) else { panic!("not a response") };
        assert_eq!(read.output.get(), envelope);
    }
}

#[test]
fn ends() {
    let text = golden("completed", &protocol::completed(ID));
    same::<typed::Ended>(&text);
    assert!(matches!(protocol::read(&text), Ok(Message::Completed(ended)) if ended.request_id == ID));
    let text = golden("aborted", &protocol::aborted(ID));
    same::<typed::Ended>(&text);
    assert!(matches!(protocol::read(&text), Ok(Message::Aborted(ended)) if ended.request_id == ID));
    let error = CallError::new("DISK_FULL", "No room is left.").with_details(json!({ "left": 0 }));
    let text = golden("error", &protocol::failed(ID, &error));
    same::<typed::Failed>(&text);
    let Ok(Message::Failed(read)) = protocol::read(&text) else { panic!("not an error") };
    assert_eq!((&*read.code, &*read.message, read.details), ("DISK_FULL", "No room is left.", error.details));
    let text = golden("error-least", &protocol::failed(ID, &CallError::new("ABORTED", "Gone.")));
    same::<typed::Failed>(&text);
}

#[test]
fn credit_and_events() {
    let text = golden("credit", &protocol::credit(ID, 128));
    assert!(matches!(protocol::read(&text), Ok(Message::Credit(credit)) if credit.items == 128));
    let text = golden("event", &protocol::event("spoke.connected", "dev", br#"{"spokeId":"dev"}"#));
    let Ok(Message::Event { kind, id, payload }) = protocol::read(&text) else { panic!("not an event") };
    assert_eq!((&*kind, &*id), ("spoke.connected", "dev"));
    assert_eq!(payload.map(serde_json::value::RawValue::get), Some(r#"{"spokeId":"dev"}"#));
}

#[test]
fn topics_in_three_places() {
    for text in [
        r#"{"type":"__subscribe","id":"spoke.connected:"}"#,
        r#"{"type":"__subscribe","id":"","payload":"spoke.connected:"}"#,
        r#"{"type":"__subscribe","payload":{"topic":"spoke.connected:"}}"#,
    ] {
        assert!(matches!(protocol::read(text), Ok(Message::Subscribe(topic)) if topic == "spoke.connected:"));
        let text = text.replace("__sub", "__unsub");
        assert!(
            matches!(protocol::read(&text), Ok(Message::Unsubscribe(topic)) if topic == "spoke.connected:")
        );
    }
}
