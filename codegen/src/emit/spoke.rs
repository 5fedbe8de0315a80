//! `spoke.json`: the call protocol and all operations as an AsyncAPI 3 document, for authors of spokes and clients.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    lower::lower,
    model::{Host, Kind, Model, Operation},
};

/// A message of the protocol: its `type`, who sends it, what it is for, and the schema of its payload.
struct Message {
    kind: &'static str,
    name: &'static str,
    summary: &'static str,
    payload: Value,
}

pub(super) fn print(model: &Model) -> String {
    let mut schemas = protocol_schemas();
    let mut messages = Map::new();
    for message in protocol() {
        messages.insert(message.name.to_owned(), envelope(&message));
    }
    let names: Vec<String> = messages.keys().cloned().collect();
    for op in &model.operations {
        add_operation(model, op, &mut schemas, &mut messages);
    }
    let listed: Map<String, Value> = messages
        .keys()
        .map(|name| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") })))
        .collect();
    let all = |names: &mut dyn Iterator<Item = &String>| -> Vec<Value> {
        names.map(|name| json!({ "$ref": format!("#/channels/connection/messages/{name}") })).collect()
    };
    let document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "alkhub: the call protocol",
            "version": "1.0.0",
            "description": PROTOCOL,
            "license": { "name": "MIT OR Apache-2.0" },
            "contact": { "name": "alkhub", "url": "https://example.invalid/alkhub" },
            "tags": [{ "name": "spokes" }, { "name": "calls" }],
        },
        "defaultContentType": "application/json",
        "id": "urn:alkhub:call-protocol",
        "servers": {
            "hub": {
                "host": "127.0.0.1:8080",
                "protocol": "ws",
                "description": "A hub; `wss` behind a proxy that ends TLS.",
                "security": [{ "$ref": "#/components/securitySchemes/key" }],
            },
        },
        "channels": {
            "connection": {
                "address": "/ws",
                "title": "A connection",
                "description": "One WebSocket. Each message is one text or binary frame with one JSON envelope.",
                "servers": [{ "$ref": "#/servers/hub" }],
                "messages": listed,
                "bindings": { "ws": { "method": "GET", "bindingVersion": "0.1.0" } },
            },
        },
        "operations": {
            "send": {
                "action": "send",
                "title": "What a peer sends",
                "summary": "Both ends may send every message of the protocol.",
                "channel": { "$ref": "#/channels/connection" },
                "messages": all(&mut names.iter()),
            },
            "receive": {
                "action": "receive",
                "title": "What a peer receives",
                "summary": "Both ends may receive every message of the protocol.",
                "channel": { "$ref": "#/channels/connection" },
                "messages": all(&mut names.iter()),
            },
            "call": {
                "action": "send",
                "title": "Calls of declared operations",
                "summary": "The typed request of each operation of the hub.",
                "channel": { "$ref": "#/channels/connection" },
                "messages": all(&mut requests(model, Host::Hub).iter()),
            },
            "serve": {
                "action": "receive",
                "title": "Calls that a base spoke serves",
                "summary": "The typed request of each operation of `alkhub spoke`.",
                "channel": { "$ref": "#/channels/connection" },
                "messages": all(&mut requests(model, Host::Spoke).iter()),
            },
        },
        "components": {
            "messages": messages,
            "schemas": schemas,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`Authorization: Bearer alk_<id>_<secret>` at the upgrade; where headers cannot be set, the subprotocols `alkhub.v1` and `bearer.alk_<id>_<secret>`.",
                },
            },
        },
    });
    let mut text = Vec::new();
    // Narrow, because schemas are deep.
    let format = serde_json::ser::PrettyFormatter::with_indent(b" ");
    // Values print; writing to memory does not fail.
    let _ = document.serialize(&mut serde_json::Serializer::with_formatter(&mut text, format));
    text.push(b'\n');
    String::from_utf8(text).unwrap_or_default()
}

const PROTOCOL: &str = "Messages between a hub and its spokes and clients. Every message is an envelope `{type, id, payload}`; `id` is empty. Both ends may call: `call.requested` is answered with one `call.responded`, or for a subscription with many and then `call.completed`; `call.error` and `call.aborted` end it as well. A spoke registers its operations by calling `hub.register`.";

fn requests(model: &Model, host: Host) -> Vec<String> {
    super::of_host(model, host).into_iter().map(|op| format!("{}.requested", op.id)).collect()
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn whole() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn payload(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

fn protocol() -> Vec<Message> {
    let ended = || payload(&["requestId"], json!({ "requestId": text() }));
    let topic = || json!({ "oneOf": [text(), payload(&["topic"], json!({ "topic": text() }))] });
    vec![
        Message {
            kind: "call.requested",
            name: "call.requested",
            summary: "Please run. From caller to handler.",
            payload: requested(json!({}), None),
        },
        Message {
            kind: "call.responded",
            name: "call.responded",
            summary: "The result, or one item of a subscription. From handler to caller.",
            payload: responded(json!({})),
        },
        Message {
            kind: "call.completed",
            name: "call.completed",
            summary: "A subscription has ended. From handler to caller.",
            payload: ended(),
        },
        Message {
            kind: "call.aborted",
            name: "call.aborted",
            summary: "No longer wanted, or given up. Either way.",
            payload: ended(),
        },
        Message {
            kind: "call.error",
            name: "call.error",
            summary: "The call has failed. From handler to caller.",
            payload: payload(
                &["requestId", "code", "message"],
                json!({ "requestId": text(), "code": text(), "message": text(), "details": {} }),
            ),
        },
        Message {
            kind: "call.credit",
            name: "call.credit",
            summary: "So many more items of a subscription may be sent. From caller to handler; peers that do not know it ignore it.",
            payload: payload(&["requestId", "items"], json!({ "requestId": text(), "items": whole() })),
        },
        Message {
            kind: "__subscribe",
            name: "subscribe",
            summary: "Events of a topic are wanted; the topic may also stand in `id`.",
            payload: topic(),
        },
        Message {
            kind: "__unsubscribe",
            name: "unsubscribe",
            summary: "Events of a topic are not wanted any more.",
            payload: topic(),
        },
    ]
}

fn requested(input: Value, id: Option<&str>) -> Value {
    let operation = id.map_or_else(text, |id| json!({ "type": "string", "const": id }));
    payload(
        &["requestId", "operationId", "input"],
        json!({
            "requestId": { "type": "string", "description": "Made by the caller; any string that is not in use." },
            "operationId": operation,
            "input": input,
            "parentRequestId": { "type": "string", "description": "The call that makes this one." },
            "deadline": { "type": "integer", "minimum": 0, "description": "Milliseconds since the Unix epoch; 0 is none." },
            "idleTimeout": { "type": "integer", "minimum": 0, "description": "Of a subscription: most milliseconds between two items." },
            "identity": { "$ref": "#/components/schemas/Identity" },
            "metadata": { "type": "object" },
            "window": { "type": "integer", "minimum": 0, "description": "Of a subscription: so many items may be sent before `call.credit` allows more. Absent: no bound." },
        }),
    )
}

fn responded(data: Value) -> Value {
    let output =
        payload(&["data", "meta"], json!({ "data": data, "meta": { "$ref": "#/components/schemas/Meta" } }));
    payload(&["requestId", "output"], json!({ "requestId": text(), "output": output }))
}

fn envelope(message: &Message) -> Value {
    json!({
        "name": message.name,
        "title": message.kind,
        "summary": message.summary,
        "contentType": "application/json",
        "payload": payload(
            &["type", "id", "payload"],
            json!({ "type": { "type": "string", "const": message.kind }, "id": text(), "payload": message.payload }),
        ),
    })
}

fn protocol_schemas() -> Map<String, Value> {
    let list = json!({ "type": "array", "items": text() });
    let meta = json!({
        "description": "Where a result came from, told apart by `source`.",
        "oneOf": [
            payload(&["source", "operationId", "timestamp"], json!({
                "source": { "type": "string", "const": "local" }, "operationId": text(), "timestamp": whole(),
            })),
            payload(&["source", "statusCode", "headers", "contentType"], json!({
                "source": { "type": "string", "const": "http" }, "statusCode": whole(),
                "headers": { "type": "object", "additionalProperties": text() }, "contentType": text(),
            })),
            payload(&["source", "isError", "content"], json!({
                "source": { "type": "string", "const": "mcp" }, "isError": { "type": "boolean" },
                "content": { "type": "array" }, "structuredContent": { "type": "object" },
                "_meta": { "type": "object" },
            })),
        ],
    });
    let identity = payload(
        &["id"],
        json!({
            "id": text(), "scopes": list,
            "resources": { "type": "object", "additionalProperties": list },
        }),
    );
    let mut schemas = Map::new();
    schemas.insert("Identity".to_owned(), identity);
    schemas.insert("Meta".to_owned(), meta);
    schemas
}

fn add_operation(
    model: &Model,
    op: &Operation,
    schemas: &mut Map<String, Value>,
    messages: &mut Map<String, Value>,
) {
    for (what, schema) in [("input", &op.input), ("output", &op.output)] {
        let mut schema = lower(model, schema);
        if let Some(Value::Object(shared)) = schema.as_object_mut().and_then(|object| object.remove("$defs"))
        {
            for (name, mut definition) in shared {
                point(&mut definition);
                schemas.insert(name, definition);
            }
        }
        point(&mut schema);
        schemas.insert(format!("{}.{what}", op.id), schema);
    }
    let schema = |what: &str| json!({ "$ref": format!("#/components/schemas/{}.{what}", op.id) });
    let item = if op.kind == Kind::Subscription { "an item" } else { "the result" };
    for (suffix, kind, summary, payload) in [
        ("requested", "call.requested", op.title.clone(), requested(schema("input"), Some(&op.id))),
        ("responded", "call.responded", format!("{}: {item}", op.title), responded(schema("output"))),
    ] {
        let message = Message { kind, name: "", summary: "", payload };
        let mut value = envelope(&message);
        value["name"] = json!(format!("{}.{suffix}", op.id));
        value["title"] = json!(format!("{} of {}", message.kind, op.id));
        value["summary"] = json!(summary);
        if suffix == "requested" {
            value["description"] = json!(op.description);
        }
        messages.insert(format!("{}.{suffix}", op.id), value);
    }
}

/// References to shared types lead to the document's own place for them.
fn point(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(text) if key == "$ref" => {
                        *text = text.replace("#/$defs/", "#/components/schemas/");
                    }
                    value => point(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(point),
        _ => {}
    }
}
