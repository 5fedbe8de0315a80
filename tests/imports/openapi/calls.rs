//! What calls become, and what comes back.

use futures::StreamExt;
use poem::{Body, Response, http::StatusCode};
use reqwest::Method;
use serde_json::{Value, json};

use super::service::{Service, add, call, open, reply};
use crate::support::hub::{Answer, each_hub_with};

#[tokio::test]
async fn everything_goes_where_it_belongs() {
    let service = Service::yes().await;
    let document = service.document(json!({
        "/a/{id}/{tags}": { "get": { "operationId": "read", "parameters": [
            { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
            { "name": "tags", "in": "path", "required": true, "style": "label", "explode": true, "schema": { "type": "array", "items": { "type": "string" } } },
            { "name": "q", "in": "query", "schema": { "type": "string" } },
            { "name": "sort", "in": "query", "explode": false, "schema": { "type": "array", "items": { "type": "string" } } },
            { "name": "filter", "in": "query", "style": "deepObject", "explode": true, "schema": { "type": "object" } },
            { "name": "X-Trace", "in": "header", "schema": { "type": "string" } },
            { "name": "session", "in": "cookie", "schema": { "type": "string" } },
        ] } },
        "/json": { "patch": { "operationId": "json", "requestBody": { "content": { "application/json": { "schema": {
            "type": "object", "required": ["a"], "properties": { "a": { "type": "integer" } } } } } } } },
        "/form": { "put": { "operationId": "form", "requestBody": { "content": { "application/x-www-form-urlencoded": { "schema": {
            "type": "object", "properties": { "a": { "type": "string" } } } } } } } },
        "/upload": { "post": { "operationId": "upload", "requestBody": { "content": { "multipart/form-data": { "schema": {
            "type": "object", "properties": { "file": { "type": "string", "format": "binary" } } } } } } } },
        "/raw": { "post": { "operationId": "raw", "requestBody": { "content": { "application/octet-stream": {} } } } },
        "/text": { "delete": { "operationId": "text", "requestBody": { "content": { "text/plain": {} } } } },
    }));
    each_hub_with(open, async |hub| {
        add(hub, "svc", document.clone(), json!({})).await;
        let read = call(hub, "svc.read", json!({
            "id": "a/b", "tags": ["x", "y z"], "q": "1&2", "sort": ["a", "b"], "filter": { "k": "v" }, "X-Trace": "t", "session": "s" }));
        let envelope = read.await.ok();
        assert_eq!(envelope["data"], json!({ "ok": true }));
        assert_eq!(envelope["meta"]["source"], "http");
        assert_eq!(envelope["meta"]["statusCode"], 200);
        assert_eq!(envelope["meta"]["contentType"], "application/json");
        let seen = service.last();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/a/a%2Fb/.x.y%20z?q=1%262&sort=a,b&filter%5Bk%5D=v"));
        assert_eq!((seen.header("x-trace"), seen.header("cookie")), (Some("t"), Some("session=s")));
        assert!(seen.header("authorization").is_none(), "the caller's own key stays here");

        call(hub, "svc.json", json!({ "body": { "a": 1 } })).await.ok();
        let seen = service.last();
        assert_eq!((seen.method.as_str(), seen.header("content-type"), seen.text()), ("PATCH", Some("application/json"), "{\"a\":1}".to_owned()));
        call(hub, "svc.json", json!({})).await.ok();
        assert!(service.last().body.is_empty(), "an optional body is optional");
        let count = service.count();
        assert_eq!(call(hub, "svc.json", json!({ "body": {} })).await.faults(), ["/body/a"]);
        assert_eq!(call(hub, "svc.json", json!({ "bodi": {} })).await.faults(), ["/bodi"]);
        assert_eq!(call(hub, "svc.read", json!({ "id": "..", "tags": ["a"] })).await.faults(), ["/id"]);
        assert_eq!(service.count(), count, "what is not valid is not sent");

        call(hub, "svc.form", json!({ "body": { "a": "b c" } })).await.ok();
        assert_eq!(service.last().text(), "a=b%20c");
        call(hub, "svc.upload", json!({ "body": { "file": { "data": "aGk=", "filename": "f.txt", "contentType": "text/plain" } } })).await.ok();
        let seen = service.last();
        assert!(seen.header("content-type").is_some_and(|kind| kind.starts_with("multipart/form-data; boundary=")));
        assert!(seen.text().contains("filename=\"f.txt\"\r\ncontent-type: text/plain\r\n\r\nhi\r\n"));
        call(hub, "svc.raw", json!({ "body": "AP8=" })).await.ok();
        assert_eq!(service.last().body, [0, 255]);
        call(hub, "svc.text", json!({ "body": "grüße" })).await.ok();
        let seen = service.last();
        assert_eq!((seen.method.as_str(), seen.text()), ("DELETE", "grüße".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn answers_of_all_kinds() {
    let service = Service::start(|seen| match seen.target.as_str() {
        "/text" => reply("text/plain", "hello"),
        "/bytes" => reply("image/png", vec![0x89, b'P']),
        "/none" => Response::builder().status(StatusCode::NO_CONTENT).finish(),
        "/missing" => {
            let mut response = reply("application/json", "{\"why\":\"gone\"}");
            response.set_status(StatusCode::NOT_FOUND);
            response
        }
        "/denied" => Response::builder().status(StatusCode::FORBIDDEN).body("no"),
        "/slow-down" => {
            Response::builder().status(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "9").finish()
        }
        "/broken" => {
            let mut response = reply("text/html", "x".repeat(1_000_000));
            response.set_status(StatusCode::INTERNAL_SERVER_ERROR);
            response
        }
        _ => reply("application/json", "not json"),
    })
    .await;
    let op = |name: &str| {
        json!({ "get": { "operationId": name, "responses": { "200": { "description": "ok" },
        "404": { "description": "It is not there.", "content": { "application/json": { "schema": { "type": "object" } } } },
        "429": { "description": "Slower." } } } })
    };
    let document = service.document(json!({
        "/text": op("text"), "/bytes": op("bytes"), "/none": op("none"), "/missing": op("missing"), "/denied": op("denied"),
        "/slow-down": op("slow"), "/broken": op("broken"), "/lies": op("lies") }));
    each_hub_with(open, async |hub| {
        add(hub, "svc", document.clone(), json!({})).await;
        assert_eq!(call(hub, "svc.text", json!({})).await.ok()["data"], "hello");
        assert_eq!(
            call(hub, "svc.bytes", json!({})).await.ok()["data"],
            json!({ "contentType": "image/png", "base64": "iVA=" })
        );
        let none = call(hub, "svc.none", json!({})).await.ok();
        assert_eq!((&none["data"], &none["meta"]["statusCode"]), (&Value::Null, &json!(204)));
        let missing = call(hub, "svc.missing", json!({})).await;
        assert_eq!(missing.status, 404);
        let problem = missing.json();
        assert_eq!(
            (&problem["code"], &problem["details"]["body"]),
            (&json!("HTTP_404"), &json!({ "why": "gone" }))
        );
        let denied = call(hub, "svc.denied", json!({})).await;
        assert_eq!(
            (denied.status.as_u16(), &denied.json()["code"]),
            (502, &json!("EXECUTION_ERROR")),
            "it is the hub that was refused"
        );
        assert_eq!(denied.json()["details"]["status"], 403);
        let slow = call(hub, "svc.slow", json!({})).await;
        assert_eq!((slow.status.as_u16(), slow.headers["retry-after"].to_str().expect("text")), (429, "9"));
        let broken = call(hub, "svc.broken", json!({})).await;
        assert_eq!(broken.status, 502);
        assert!(broken.body.len() < 10_000, "of a large page a part is told: {}", broken.body.len());
        call(hub, "svc.lies", json!({})).await.problem(500, "EXECUTION_ERROR");
    })
    .await;
}

#[tokio::test]
async fn streams_are_subscriptions() {
    let service = Service::start(|seen| match seen.target.as_str() {
        "/stream" => {
            let pieces = [
                "\u{feff}: hi\r\n\r\nid: 7\r",
                "\ndata: {\"n\":1}\r\n",
                "\r\nevent: e\ndata: two\nda",
                "ta: lines\n\n\n\ndata: [DO",
                "NE]\n\n",
            ];
            let pieces =
                futures::stream::iter(pieces.map(|piece| Ok::<_, std::io::Error>(bytes::Bytes::from(piece))));
            reply("text/event-stream; charset=utf-8", Body::from_bytes_stream(pieces))
        }
        "/whole" => reply("application/json", "{\"whole\":true}"),
        _ => Response::builder().status(StatusCode::CONFLICT).finish(),
    })
    .await;
    let op = |name: &str| {
        json!({ "post": { "operationId": name, "responses": { "200": { "description": "ok",
        "content": { "text/event-stream": { "schema": { "type": "object" } } } } } } })
    };
    let document =
        service.document(json!({ "/stream": op("stream"), "/whole": op("whole"), "/fails": op("fails") }));
    each_hub_with(open, async |hub| {
        add(hub, "svc", document.clone(), json!({})).await;
        let items = async |id: &str| {
            let answer = hub.post("/api/subscribe", json!({ "operationId": id, "input": {} })).await;
            let mut parser = alkhub_core::sse::Parser::new(1 << 20);
            parser.push(answer.body.as_bytes()).expect("small");
            let mut items: Vec<Value> = Vec::new();
            while let Some(event) = parser.next_event() {
                items.push(serde_json::from_str(&event.data).expect("JSON"));
            }
            items
        };
        let stream = items("svc.stream").await;
        let data: Vec<&Value> = stream.iter().map(|item| &item["data"]).collect();
        assert_eq!(data, [&json!({ "n": 1 }), &json!("two\nlines"), &json!("[DONE]")]);
        assert_eq!((&stream[0]["meta"]["id"], &stream[1]["meta"]["event"]), (&json!("7"), &json!("e")));
        assert_eq!(stream[0]["meta"]["contentType"], "text/event-stream");
        assert_eq!(
            service.last().header("accept").map(|accept| accept.starts_with("text/event-stream")),
            Some(true)
        );
        let whole = items("svc.whole").await;
        assert_eq!((whole.len(), &whole[0]["data"]), (1, &json!({ "whole": true })));
        let failed = hub.post("/api/subscribe", json!({ "operationId": "svc.fails", "input": {} })).await;
        assert!(failed.body.contains("HTTP 409"), "{failed:?}");
        call(hub, "svc.stream", json!({})).await.problem(400, "BAD_REQUEST");
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_with_its_subscriber() {
    let (dropped, mut gone) = tokio::sync::mpsc::channel::<()>(1);
    let service = Service::start(move |_| {
        let dropped = dropped.clone();
        let ticks = futures::stream::unfold(dropped, |dropped| async move {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            Some((Ok::<_, std::io::Error>(bytes::Bytes::from("data: 1\n\n")), dropped))
        });
        reply("text/event-stream", Body::from_bytes_stream(ticks.boxed()))
    })
    .await;
    let document = service.document(json!({ "/s": { "get": { "operationId": "s", "responses": { "200": {
        "description": "ok", "content": { "text/event-stream": {} } } } } } }));
    let service = std::sync::Mutex::new(Some(service));
    each_hub_with(open, async |hub| {
        add(hub, "svc", document.clone(), json!({})).await;
        let request = hub
            .request(reqwest::Method::POST, "/api/subscribe")
            .json(&json!({ "operationId": "svc.s", "input": {} }));
        let mut body = request.send().await.expect("an answer").bytes_stream();
        body.next().await.expect("an event").expect("bytes");
        drop(body);
    })
    .await;
    // The script held the first sender; with the service gone, only streams that still run hold others.
    drop(service.lock().expect("no panic").take());
    assert_eq!(gone.recv().await, None, "the service's stream is over");
}

#[tokio::test]
async fn an_idempotency_key_goes_to_services_that_know_it() {
    let service = Service::yes().await;
    let known = json!([{ "name": "Idempotency-Key", "in": "header", "schema": { "type": "string" } }]);
    let document = service.document(json!({
        "/knows": { "post": { "operationId": "knows", "parameters": known } },
        "/not": { "post": { "operationId": "not" }, "put": { "operationId": "again" }, "get": { "operationId": "read" } },
    }));
    each_hub_with(open, async |hub| {
        add(hub, "svc", document.clone(), json!({})).await;
        let with_key = async |operation: &str, input: Value| {
            let request = hub.request(Method::POST, "/api/call").header("idempotency-key", "one");
            Answer::of(request.json(&json!({ "operationId": operation, "input": input }))).await
        };
        with_key("svc.knows", json!({})).await.ok();
        assert_eq!(service.last().header("idempotency-key"), Some("one"));
        with_key("svc.knows", json!({ "Idempotency-Key": "own" })).await.ok();
        assert_eq!(service.last().header("idempotency-key"), Some("own"));
        let before = service.count();
        with_key("svc.not", json!({})).await.problem(400, "BAD_REQUEST");
        assert_eq!(service.count(), before, "nothing was sent");
        for harmless in ["svc.again", "svc.read"] {
            with_key(harmless, json!({})).await.ok();
            assert_eq!(service.last().header("idempotency-key"), None);
        }
        call(hub, "svc.not", json!({})).await.ok();
    })
    .await;
}
