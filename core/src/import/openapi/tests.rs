//! The importer, rule by rule.

use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::{Kind, error::codes, sse::Event};

fn imported(document: Value) -> Imported {
    let documents =
        Documents::new(document, Some(Url::parse("https://a.example/docs/api.json").expect("a URL")));
    import(&documents, &Options { namespace: "svc".to_owned(), ..Options::default() })
        .expect("it can be imported")
}

/// A document with one operation at a path.
fn one(version: &str, path: &str, method: &str, operation: Value) -> Operation {
    let mut result = imported(json!({
        "openapi": version, "info": { "title": "T", "version": "2" }, "servers": [{ "url": "https://b.example/v1" }],
        "paths": { path: { method: operation } },
    }));
    assert!(result.report.lines.is_empty(), "{:?}", result.report);
    result.operations.remove(0)
}

fn schema(text: &serde_json::value::RawValue) -> Value {
    serde_json::from_str(text.get()).expect("JSON")
}

fn reasons(imported: &Imported) -> Vec<String> {
    imported.report.lines.iter().map(|line| line.reason.clone()).collect()
}

#[test]
fn one_operation_a_method_of_a_path() {
    let answer = json!({ "responses": { "200": { "description": "ok" } } });
    let imported = imported(json!({
        "openapi": "3.0.3", "info": { "title": "Pets", "version": "1.2" },
        "paths": {
            "/pets": { "get": answer, "post": answer, "head": answer, "options": answer },
            "/pets/{id}": { "put": answer, "patch": answer, "delete": answer, "parameters": [
                { "name": "id", "in": "path", "required": true, "schema": { "type": "integer" } }] },
            "/broken": { "get": 3 }, "x-extension": {}, "/a#b": { "get": answer },
        },
        "webhooks": { "a": {} },
    }));
    let mut found: Vec<_> = imported
        .operations
        .iter()
        .map(|one| {
            (one.registered.plain_id(), one.registered.kind, one.registered.repeatable, one.plan.method)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        found
            .iter()
            .map(|(id, kind, repeatable, method)| (id.as_str(), *kind, *repeatable, *method))
            .collect::<Vec<_>>(),
        [
            ("svc.delete_pets", Kind::Mutation, true, "DELETE"),
            ("svc.get_pets", Kind::Query, true, "GET"),
            ("svc.patch_pets", Kind::Mutation, false, "PATCH"),
            ("svc.post_pets", Kind::Mutation, false, "POST"),
            ("svc.put_pets", Kind::Mutation, true, "PUT"),
        ]
    );
    assert_eq!((imported.title.as_str(), imported.version.as_str()), ("Pets", "1.2"));
    assert_eq!(imported.server.as_str(), "https://a.example/");
    let lines: Vec<_> = imported
        .report
        .lines
        .iter()
        .map(|line| (line.method.as_deref(), line.path.as_deref(), line.left_out))
        .collect();
    assert_eq!(
        lines,
        [
            (Some("GET"), Some("/a#b"), true),
            (Some("GET"), Some("/broken"), true),
            (Some("HEAD"), Some("/pets"), true),
            (Some("OPTIONS"), Some("/pets"), true),
            (None, None, true),
        ]
    );
}

#[test]
fn versions_that_are_no_openapi() {
    for (document, word) in [
        (json!({}), "neither"),
        (json!({ "openapi": "4.0.0" }), "version 4.0.0"),
        (json!({ "swagger": "1.2" }), "version 1.2"),
        (json!({ "openapi": "3.0.0" }), "baseUrl"),
    ] {
        let error = import(&Documents::new(document, None), &Options::default()).expect_err("refused");
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn names_and_words() {
    let operation = one(
        "3.0.0",
        "/a",
        "get",
        json!({
            "operationId": "things/list all", "summary": "Lists", "description": "Lists all.", "tags": ["a"], "deprecated": true,
            "responses": {},
        }),
    );
    let registered = operation.registered;
    assert_eq!(registered.name, "things_list_all");
    assert_eq!(registered.title.as_deref(), Some("Lists"));
    assert_eq!(registered.description, "Lists all.");
    assert_eq!(registered.tags, ["a", "deprecated"]);
    assert_eq!(registered.version, "2");
    assert_eq!(one("3.0.0", "/a", "get", json!({ "summary": "Lists" })).registered.description, "Lists");
    assert_eq!(one("3.0.0", "/a", "get", json!({})).registered.description, "GET /a");

    let twice = imported(json!({ "openapi": "3.0.0", "paths": {
        "/a": { "get": { "operationId": "x" } }, "/b": { "get": { "operationId": "x" } } } }));
    assert_eq!(twice.operations[1].registered.name, "x_2");
    assert_eq!(reasons(&twice), ["it is named `x_2`: `x` is taken by another one"]);
}

#[test]
fn every_parameter_goes_where_it_belongs() {
    let operation = one(
        "3.0.0",
        "/a/{id}/{m}",
        "get",
        json!({ "parameters": [
        { "name": "id", "in": "path", "required": true, "schema": { "type": "integer" } },
        { "name": "m", "in": "path", "required": true, "style": "matrix", "explode": true, "schema": { "type": "array", "items": {} } },
        { "name": "q", "in": "query", "required": true, "schema": { "type": "string" } },
        { "name": "list", "in": "query", "explode": false, "schema": { "type": "array", "items": { "type": "string" } } },
        { "name": "filter", "in": "query", "style": "deepObject", "explode": true, "schema": { "type": "object" } },
        { "name": "where", "in": "query", "content": { "application/json": { "schema": { "type": "object" } } } },
        { "name": "X-Trace", "in": "header", "schema": { "type": "string" } },
        { "name": "session", "in": "cookie", "schema": { "type": "string" } },
        { "name": "theme", "in": "cookie", "schema": { "type": "string" } },
    ] }),
    );
    let input = schema(&operation.registered.input_schema);
    assert_eq!(input["required"], json!(["id", "m", "q"]));
    assert_eq!(input["additionalProperties"], json!(false));
    let request = operation.plan.request(&json!({
        "id": 7, "m": ["a", "b"], "q": "x y", "list": ["a", "b"], "filter": { "a": 1 }, "where": { "b": [2] },
        "X-Trace": "t", "session": "s;1", "theme": "dark",
    })).expect("a request");
    assert_eq!(
        request.url,
        "https://b.example/v1/a/7/;m=a;m=b?q=x%20y&list=a,b&filter%5Ba%5D=1&where=%7B%22b%22%3A%5B2%5D%7D"
    );
    let header =
        |name: &str| request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(header("x-trace"), Some("t"));
    assert_eq!(header("cookie"), Some("session=s%3B1; theme=dark"));
    assert_eq!((request.method, request.body.is_none(), header("content-type")), ("GET", true, None));
    let least =
        operation.plan.request(&json!({ "id": 7, "m": ["a"], "q": "", "list": null })).expect("a request");
    assert_eq!(least.url, "https://b.example/v1/a/7/;m=a?q=");
}

#[test]
fn what_a_schema_cannot_refuse() {
    let operation = one(
        "3.0.0",
        "/a/{id}/b",
        "get",
        json!({ "parameters": [
        { "name": "id", "in": "path", "required": true, "schema": {} },
        { "name": "h", "in": "header", "schema": {} },
    ] }),
    );
    for (input, pointer) in [
        (json!({ "id": "." }), "/id"),
        (json!({ "id": ".." }), "/id"),
        (json!({ "id": "" }), "/id"),
        (json!({ "id": null }), "/id"),
        (json!({ "id": [] }), "/id"),
        (json!({ "id": "1", "h": "a\r\nb: c" }), "/h"),
        (json!({ "id": "1", "h": ["a\n"] }), "/h"),
    ] {
        let error = operation.plan.request(&input).expect_err("refused");
        assert_eq!(error.code, codes::VALIDATION_ERROR);
        assert_eq!(error.details.expect("details")["faults"][0]["pointer"], pointer, "{input}");
    }
    let tricky = operation.plan.request(&json!({ "id": "../%2e%2e/x?y#z" })).expect("a request");
    assert_eq!(tricky.url, "https://b.example/v1/a/..%2F%252e%252e%2Fx%3Fy%23z/b");
}

#[test]
fn parameters_of_the_path_are_overridden() {
    let imported = imported(json!({ "openapi": "3.1.0", "paths": { "/a/{id}/{undeclared}": {
        "parameters": [
            { "$ref": "#/components/parameters/id" },
            { "name": "limit", "in": "query", "schema": { "type": "string" } },
        ],
        "post": {
            "parameters": [
                { "name": "limit", "in": "query", "schema": { "type": "integer" } },
                { "name": "id", "in": "query", "schema": { "type": "boolean" } },
                { "name": "body", "in": "query", "schema": { "type": "boolean" } },
                { "name": "gone", "in": "path", "required": true, "schema": {} },
                { "name": "Authorization", "in": "header", "schema": {} },
                { "name": "a b", "in": "header", "schema": {} },
                { "name": "x", "in": "elsewhere" },
                { "in": "query" },
                { "$ref": "#/nowhere" },
            ],
            "requestBody": { "content": { "application/json": { "schema": { "type": "object" } } } },
        },
    } }, "components": { "parameters": { "id": { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } } } } }));
    let input = schema(&imported.operations[0].registered.input_schema);
    let mut names: Vec<&String> = input["properties"].as_object().expect("properties").keys().collect();
    names.sort();
    assert_eq!(names, ["body", "id", "limit", "query_body", "query_id", "undeclared"]);
    assert_eq!(input["properties"]["limit"]["type"], "integer");
    assert_eq!(input["properties"]["id"]["type"], "string");
    assert_eq!(input["required"], json!(["undeclared", "id"]));
    assert_eq!(imported.report.lines.len(), 9, "{:#?}", reasons(&imported));
    let request = imported.operations[0].plan.request(&json!({
        "id": "p", "query_id": true, "query_body": false, "undeclared": "u", "limit": 1, "body": { "a": 1 } })).expect("a request");
    assert_eq!(request.url, "https://a.example/a/p/u?limit=1&id=true&body=false");
    assert_eq!(request.body.as_deref(), Some(&b"{\"a\":1}"[..]));
}

#[test]
fn bodies() {
    let body = |content: Value, required: Value| json!({ "requestBody": { "required": required, "content": content } });
    let json_schema = json!({ "schema": { "type": "object", "properties": { "a": { "type": "string" } } } });
    let operation =
        one("3.0.0", "/a", "patch", body(json!({ "application/json": json_schema }), json!(false)));
    assert_eq!(schema(&operation.registered.input_schema).get("required"), None);
    let request = operation.plan.request(&json!({})).expect("a request");
    assert!(request.body.is_none() && !request.headers.iter().any(|(name, _)| name == "content-type"));
    let operation = one(
        "3.0.0",
        "/a",
        "patch",
        body(json!({ "application/merge-patch+json": json_schema }), json!(true)),
    );
    assert_eq!(schema(&operation.registered.input_schema)["required"], json!(["body"]));

    let sent = |content: Value, input: Value| {
        let operation = one("3.0.0", "/a", "post", body(content, json!(true)));
        let request = operation.plan.request(&json!({ "body": input })).expect("a request");
        let media_type =
            request.headers.iter().find(|(name, _)| name == "content-type").expect("a type").1.clone();
        (media_type, String::from_utf8(request.body.expect("a body")).expect("text"))
    };
    for (content, input, media_type, expected) in [
        (json!({ "application/json": {} }), json!(null), "application/json", "null"),
        (json!({ "*/*": {} }), json!([1]), "application/json", "[1]"),
        (json!({ "application/vnd.api+json": {} }), json!("a"), "application/vnd.api+json", "\"a\""),
        (json!({ "text/plain; charset=utf-8": {} }), json!("grüße"), "text/plain; charset=utf-8", "grüße"),
        (
            json!({ "application/xml": { "schema": { "type": "object" } } }),
            json!("<a/>"),
            "application/xml",
            "<a/>",
        ),
        (json!({ "application/octet-stream": {} }), json!("aGk="), "application/octet-stream", "hi"),
        (json!({ "image/*": {} }), json!("aGk="), "application/octet-stream", "hi"),
        (
            json!({ "application/x-www-form-urlencoded": {
                "schema": { "type": "object", "properties": {
                    "a": { "type": "string" }, "list": { "type": "array", "items": {} }, "meta": { "type": "object" },
                    "deep": { "type": "object" }, "csv": { "type": "array" } } },
                "encoding": { "deep": { "style": "deepObject", "explode": true }, "csv": { "style": "form", "explode": false } } } }),
            json!({ "a": "x&y", "list": [1, 2], "meta": { "k": 1 }, "deep": { "k": [true] }, "csv": ["p", "q"], "other": 3 }),
            "application/x-www-form-urlencoded",
            "a=x%26y&csv=p,q&deep%5Bk%5D%5B0%5D=true&list=1&list=2&meta=%7B%22k%22%3A1%7D&other=3",
        ),
    ] {
        assert_eq!(sent(content.clone(), input), (media_type.to_owned(), expected.to_owned()), "{content}");
    }
}

#[test]
fn forms_with_files() {
    let operation = one(
        "3.0.0",
        "/a",
        "post",
        json!({ "requestBody": { "content": { "multipart/form-data": {
        "schema": { "allOf": [{ "type": "object", "required": ["file"], "properties": {
            "file": { "type": "string", "format": "binary" },
            "more": { "type": "array", "items": { "type": "string", "format": "binary" } },
            "note": { "type": "string" }, "meta": { "type": "object" }, "tags": { "type": "array", "items": { "type": "string" } },
            "picture": { "type": "string" } } }] },
        "encoding": { "picture": { "contentType": "image/png, image/jpeg" } } } } } }),
    );
    let properties = &schema(&operation.registered.input_schema)["properties"]["body"]["properties"];
    assert_eq!(properties["file"]["required"], json!(["data"]));
    assert_eq!(properties["more"]["items"]["required"], json!(["data"]));
    let request = operation.plan.request(&json!({ "body": {
        "file": { "data": "aGk=", "filename": "a\"b\r\n.txt", "contentType": "text/plain" }, "note": "n", "meta": { "k": 1 },
        "more": [{ "data": "YQ==" }, { "data": "Yg==" }], "tags": ["x", "y"], "picture": { "data": "cA==" } } })).expect("a request");
    let media_type = &request.headers.iter().find(|(name, _)| name == "content-type").expect("a type").1;
    let boundary = media_type.strip_prefix("multipart/form-data; boundary=").expect("a boundary");
    let text = String::from_utf8(request.body.expect("a body"))
        .expect("text")
        .replace(boundary, "B")
        .replace("\r\n", "\n");
    let part = |head: &str, data: &str| format!("--B\ncontent-disposition: form-data; {head}\n\n{data}\n");
    let expected = [
        part("name=\"file\"; filename=\"a%22b%0D%0A.txt\"\ncontent-type: text/plain", "hi"),
        part("name=\"meta\"\ncontent-type: application/json", "{\"k\":1}"),
        part("name=\"more\"; filename=\"more\"\ncontent-type: application/octet-stream", "a"),
        part("name=\"more\"; filename=\"more\"\ncontent-type: application/octet-stream", "b"),
        part("name=\"note\"", "n"),
        part("name=\"picture\"; filename=\"picture\"\ncontent-type: image/png", "p"),
        part("name=\"tags\"", "x"),
        part("name=\"tags\"", "y"),
        "--B--\n".to_owned(),
    ];
    assert_eq!(text, expected.concat());
    let error = operation
        .plan
        .request(&json!({ "body": { "file": { "data": "not base64!" } } }))
        .expect_err("refused");
    assert_eq!(error.details.expect("details")["faults"][0]["pointer"], "/body/file/data");
    let error =
        operation.plan.request(&json!({ "body": { "file": { "data": "", "contentType": "a\r\nb: c" } } }));
    assert_eq!(
        error.expect_err("refused").details.expect("details")["faults"][0]["pointer"],
        "/body/file/contentType"
    );
}

#[test]
fn swagger_2() {
    let imported = imported(json!({
        "swagger": "2.0", "info": { "title": "Old", "version": "1" }, "host": "c.example", "basePath": "/api/", "schemes": ["https"],
        "consumes": ["application/json"], "produces": ["application/json"],
        "securityDefinitions": { "key": { "type": "apiKey", "in": "header", "name": "X-Key" } },
        "definitions": { "Pet": { "type": "object", "properties": { "name": { "type": "string" } } } },
        "paths": {
            "/pets": { "post": { "operationId": "add", "parameters": [
                { "name": "pet", "in": "body", "required": true, "schema": { "$ref": "#/definitions/Pet" } },
                { "name": "ids", "in": "query", "type": "array", "items": { "type": "integer" }, "collectionFormat": "multi" },
                { "name": "csv", "in": "query", "type": "array", "items": { "type": "integer" } },
                { "name": "pipes", "in": "query", "type": "array", "items": { "type": "integer" }, "collectionFormat": "pipes" },
            ], "responses": { "200": { "description": "ok", "schema": { "$ref": "#/definitions/Pet" } } } } },
            "/upload": { "post": { "operationId": "upload", "parameters": [
                { "name": "file", "in": "formData", "type": "file", "required": true }, { "name": "note", "in": "formData", "type": "string" } ] } },
            "/form": { "post": { "operationId": "form", "parameters": [ { "name": "a", "in": "formData", "type": "string", "required": true } ] } },
        },
    }));
    assert!(imported.report.lines.is_empty(), "{:?}", imported.report);
    let find = |name: &str| imported.operations.iter().find(|one| one.registered.name == name).expect(name);
    let add = find("add");
    let input = schema(&add.registered.input_schema);
    assert_eq!(input["required"], json!(["body"]));
    assert_eq!(input["properties"]["csv"], json!({ "type": "array", "items": { "type": "integer" } }));
    assert_eq!(schema(&add.registered.output_schema)["$ref"], "#/$defs/Pet");
    let request = add
        .plan
        .request(&json!({ "body": { "name": "x" }, "ids": [1, 2], "csv": [1, 2], "pipes": [1, 2] }))
        .expect("a request");
    assert_eq!(request.url, "https://c.example/api/pets?ids=1&ids=2&csv=1,2&pipes=1%7C2");
    assert!(matches!(find("upload").plan.body.as_ref().expect("a body").kind, BodyKind::Multipart(_)));
    let request = find("form").plan.request(&json!({ "body": { "a": "b c" } })).expect("a request");
    assert_eq!(request.body.as_deref(), Some(&b"a=b%20c"[..]));
    assert_eq!(imported.schemes[0].said["name"], "X-Key");
}

#[test]
fn answers_and_streams() {
    let response = |content: Value| json!({ "description": "d", "content": content });
    let pet = json!({ "schema": { "type": "object" } });
    for (responses, kind, output) in [
        (
            json!({ "200": response(json!({ "application/json": pet })) }),
            Kind::Query,
            json!({ "type": "object" }),
        ),
        (
            json!({ "201": response(json!({ "application/hal+json": pet })) }),
            Kind::Query,
            json!({ "type": "object" }),
        ),
        (
            json!({ "2XX": response(json!({ "application/json": pet })) }),
            Kind::Query,
            json!({ "type": "object" }),
        ),
        (
            json!({ "default": response(json!({ "application/json": pet })) }),
            Kind::Query,
            json!({ "type": "object" }),
        ),
        (json!({ "204": { "description": "d" } }), Kind::Query, json!({ "type": "null" })),
        (json!({ "200": response(json!({ "text/plain": {} })) }), Kind::Query, json!({ "type": "string" })),
        (
            json!({ "200": response(json!({ "application/json": pet })), "204": { "description": "d" } }),
            Kind::Query,
            json!({ "anyOf": [{ "type": "object" }, { "type": "null" }] }),
        ),
        (json!({}), Kind::Query, json!({})),
        (
            json!({ "200": response(json!({ "text/event-stream": pet, "application/json": {} })) }),
            Kind::Subscription,
            json!({ "type": "object" }),
        ),
        (
            json!({ "200": response(json!({ "text/event-stream": { "schema": { "type": "string" } } })) }),
            Kind::Subscription,
            json!({}),
        ),
    ] {
        let operation = one("3.1.0", "/a", "get", json!({ "responses": responses }));
        assert_eq!(operation.registered.kind, kind, "{responses}");
        assert_eq!(schema(&operation.registered.output_schema), output, "{responses}");
    }
    let image =
        one("3.1.0", "/a", "get", json!({ "responses": { "200": response(json!({ "image/png": {} })) } }));
    assert_eq!(schema(&image.registered.output_schema)["required"], json!(["base64", "contentType"]));
    assert_eq!(image.plan.accept, "image/png, */*;q=0.1");
}

fn head(status: u16, content_type: &str) -> Head {
    let headers = [
        ("content-type", content_type),
        ("x-a", "1"),
        ("x-a", "2"),
        ("set-cookie", "secret"),
        ("retry-after", "7"),
    ];
    Head { status, headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into() }
}

#[test]
fn outputs_in_envelopes() {
    let plan = one("3.0.0", "/a", "get", json!({})).plan;
    for (content_type, body, data) in [
        ("application/json", &b" {\"a\": 1.0} "[..], json!({ "a": 1.0 })),
        ("application/problem+json; charset=utf-8", b"[]", json!([])),
        ("application/json", b"", json!(null)),
        ("text/html", "grüße".as_bytes(), json!("grüße")),
        ("image/png", b"\x89PNG", json!({ "contentType": "image/png", "base64": "iVBORw==" })),
        ("", b"plain", json!("plain")),
    ] {
        let output = plan.output(&head(200, content_type), body).expect("an output");
        let envelope: Value = serde_json::from_slice(&output.clone().into_envelope("svc.a")).expect("JSON");
        assert_eq!(envelope["data"], data);
        assert_eq!(output.typed::<Value>().expect("JSON"), data);
        let headers = json!({ "x-a": "1, 2", "retry-after": "7", "content-type": content_type });
        assert_eq!(
            envelope["meta"],
            json!({ "source": "http", "statusCode": 200, "headers": headers, "contentType": content_type })
        );
    }
    let error = plan.output(&head(200, "application/json"), b"{oops").expect_err("not JSON");
    assert_eq!(error.code, codes::EXECUTION_ERROR);

    let event = |data: &str| Event {
        data: data.to_owned(),
        event: Some("e".to_owned()),
        id: Some("3".to_owned()),
        retry: None,
    };
    let item =
        plan.item(&head(200, "text/event-stream"), &event("{\"a\":1}")).expect("read").expect("an item");
    let envelope: Value = serde_json::from_slice(&item.into_envelope("svc.a")).expect("JSON");
    assert_eq!(envelope["data"], json!({ "a": 1 }));
    assert_eq!(
        (&envelope["meta"]["contentType"], &envelope["meta"]["event"], &envelope["meta"]["id"]),
        (&json!("text/event-stream"), &json!("e"), &json!("3"))
    );
    let item = plan.item(&head(200, "text/event-stream"), &event("[DONE]")).expect("read").expect("an item");
    assert_eq!(item.typed::<Value>().expect("JSON"), json!("[DONE]"));
    assert!(plan.item(&head(200, "text/event-stream"), &event(" ")).expect("read").is_none());
}

#[test]
fn failures() {
    let declared = |code: &str| json!({ "description": code, "content": { "application/json": { "schema": { "type": "object" } } } });
    let operation = one(
        "3.0.0",
        "/a",
        "get",
        json!({ "responses": {
        "200": { "description": "ok" }, "404": declared("none"), "4XX": declared("some"), "429": { "description": "slow" } } }),
    );
    let codes: Vec<_> =
        operation.registered.errors.iter().map(|error| (error.code.as_str(), error.http_status)).collect();
    assert_eq!(codes, [("HTTP_404", Some(404)), ("HTTP_429", Some(429)), ("HTTP_4XX", None)]);
    let error = &operation.registered.errors[0];
    assert_eq!(
        (error.description.as_str(), &error.schema["properties"]["body"]),
        ("none", &json!({ "type": "object" }))
    );
    for (status, code, http_status) in [
        (404, "HTTP_404", 404),
        (409, "HTTP_4XX", 409),
        (401, "HTTP_4XX", 502),
        (429, "HTTP_429", 429),
        (500, codes::EXECUTION_ERROR, 502),
        (302, codes::EXECUTION_ERROR, 502),
    ] {
        let error =
            operation.plan.output(&head(status, "application/json"), b"{\"why\":\"x\"}").expect_err("failed");
        assert_eq!((&*error.code, error.http_status), (code, Some(http_status)), "{status}");
        let details = error.details.expect("details");
        assert_eq!(
            details,
            json!({ "status": status, "contentType": "application/json", "body": { "why": "x" } })
        );
        assert_eq!(error.retry_after, (status == 429).then_some(7));
        assert!(error.message.starts_with(&format!("HTTP {status}")), "{}", error.message);
    }
    let error = operation.plan.failure(&head(500, "text/html"), "ä".repeat(100_000).as_bytes());
    assert!(error.details.expect("details").to_string().len() < 10_000);
    let error = operation.plan.failure(&head(500, "image/png"), b"\xff\xfe");
    assert_eq!(error.details.expect("details")["body"], "2 bytes");
}

#[test]
fn operations_elsewhere() {
    let imported = imported(
        json!({ "openapi": "3.0.0", "servers": [{ "url": "https://b.example/v1" }], "paths": { "/a": {
        "get": { "servers": [{ "url": "https://up.example/x/" }] }, "post": { "servers": [{ "url": "https://b.example/v2" }] } } } }),
    );
    assert_eq!(imported.operations[0].plan.server, "https://up.example/x");
    assert_eq!(imported.operations[1].plan.server, "https://b.example/v2");
    assert_eq!(
        reasons(&imported),
        ["it is at https://up.example, another origin; credentials are not sent there"]
    );
}

#[test]
fn external_documents() {
    let main = json!({ "openapi": "3.1.0", "paths": {
        "/a": { "$ref": "paths/a.json" }, "/b": { "$ref": "https://elsewhere.example/b.json" } } });
    let url = Url::parse("https://a.example/docs/api.json").expect("a URL");
    let mut documents = Documents::new(main, Some(url.clone()));
    let a = url.join("paths/a.json").expect("a URL");
    assert!(documents.missing().into_iter().eq([a.clone()]));
    documents.add(
        a,
        json!({ "get": { "responses": { "200": { "content": { "application/json": {
        "schema": { "$ref": "../types.json#/Pet" } } } } } } }),
    );
    let types = url.join("types.json").expect("a URL");
    assert!(documents.missing().into_iter().eq([types.clone()]));
    documents
        .add(types, json!({ "Pet": { "type": "object", "properties": { "parent": { "$ref": "#/Pet" } } } }));
    let imported =
        import(&documents, &Options { namespace: "svc".to_owned(), ..Options::default() }).expect("imported");
    assert_eq!(imported.operations.len(), 1);
    let output = schema(&imported.operations[0].registered.output_schema);
    assert_eq!(output["$defs"]["Pet"]["properties"]["parent"]["$ref"], "#/$defs/Pet");
    assert!(reasons(&imported)[0].contains("another origin"));
}

#[test]
fn bounds() {
    let paths: serde_json::Map<String, Value> =
        (0..20).map(|n| (format!("/p{n:02}"), json!({ "get": {}, "head": {} }))).collect();
    let documents = Documents::new(
        json!({ "openapi": "3.0.0", "servers": [{ "url": "https://b.example" }], "paths": paths }),
        None,
    );
    let limits = Limits { operations: 5, report: 3, ..Limits::default() };
    let imported = import(&documents, &Options { namespace: "svc".to_owned(), limits, ..Options::default() })
        .expect("imported");
    assert_eq!((imported.operations.len(), imported.report.lines.len(), imported.report.more), (5, 3, 18));
}
