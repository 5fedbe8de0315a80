//! The life of an imported service.

use std::io::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};

use super::service::{Service, add, call, open, reply};
use crate::support::hub::{Answer, each_hub_with};

fn paths(names: &[&str]) -> Value {
    let entries = names.iter().map(|name| (format!("/{name}"), json!({ "get": { "operationId": name } })));
    Value::Object(entries.collect())
}

#[tokio::test]
async fn from_a_url_and_refreshed() {
    let text = std::sync::Arc::new(Mutex::new(String::new()));
    let served = text.clone();
    let service = Service::start(move |seen| match seen.target.as_str() {
        "/docs/openapi.yaml" => reply("application/yaml", served.lock().clone()),
        "/docs/types.json" => reply("application/json", json!({ "Pet": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } } }).to_string()),
        _ => reply("application/json", "{}"),
    })
    .await;
    let yaml = "openapi: 3.0.3\ninfo: {title: Pets, version: 2.1.0}\nservers: [{url: /v1}]\npaths:\n  /pets:\n    get: {operationId: listPets, responses: {200: {description: ok}}}\n    head: {responses: {200: {description: ok}}}\n    post:\n      operationId: addPet\n      requestBody:\n        content:\n          application/json:\n            schema: {$ref: 'types.json#/Pet'}\n      responses: {201: {description: ok}}\n";
    each_hub_with(open, async |hub| {
        yaml.clone_into(&mut text.lock());
        let url = format!("{}/docs/openapi.yaml", service.url);
        let added = hub
            .post(
                "/api/openapi",
                json!({ "name": "pets", "url": url, "auth": { "type": "bearer", "token": "a-long-token" } }),
            )
            .await
            .ok();
        assert_eq!(
            (&added["title"], &added["version"], &added["operations"], &added["leftOut"]),
            (&json!("Pets"), &json!("2.1.0"), &json!(2), &json!(1))
        );
        assert_eq!(added["server"], format!("{}/v1", service.url));
        assert_eq!(added["requiredScopes"], json!(["pets:call"]));
        assert_eq!(added["report"]["lines"][0]["method"], "HEAD");
        call(hub, "pets.listPets", json!({})).await.ok();
        assert_eq!(service.last().target, "/v1/pets");
        // The type comes from another document of the same origin.
        assert_eq!(call(hub, "pets.addPet", json!({ "body": {} })).await.faults(), ["/body/name"]);
        call(hub, "pets.addPet", json!({ "body": { "name": "x" } })).await.ok();

        // Who lacks the scope cannot call, nor see it.
        let stranger = hub.key(&["project:read"]).await;
        hub.post_as(&stranger, "/api/call", json!({ "operationId": "pets.listPets", "input": {} }))
            .await
            .problem(403, "ACCESS_DENIED");
        assert_eq!(hub.get_as(&stranger, "/api/operations?namespace=pets").await.ok()["items"], json!([]));
        let friend = hub.key(&["pets:call"]).await;
        hub.post_as(&friend, "/api/call", json!({ "operationId": "pets.listPets", "input": {} })).await.ok();

        *text.lock() = yaml
            .replace("addPet", "createPet")
            .replace("{operationId: listPets,", "{operationId: listPets, summary: Lists,");
        let refresh = || Answer::of(hub.request(Method::POST, "/api/openapi/pets/refresh"));
        let refreshed = refresh().await.ok();
        assert_eq!(
            (&refreshed["added"], &refreshed["removed"], &refreshed["changed"]),
            (&json!(["createPet"]), &json!(["addPet"]), &json!(["listPets"]))
        );
        call(hub, "pets.addPet", json!({})).await.problem(404, "OPERATION_NOT_FOUND");
        call(hub, "pets.createPet", json!({ "body": { "name": "x" } })).await.ok();
        assert_eq!(service.last().header("authorization"), Some("Bearer a-long-token"));
        let again = refresh().await.ok();
        assert_eq!(
            again["service"]["revision"], refreshed["service"]["revision"],
            "nothing new, nothing stored"
        );

        *text.lock() = yaml.replace("/v1", "https://thief.example/v1");
        let refused = refresh().await.problem(422, "OPENAPI_INVALID");
        assert!(
            refused["details"]["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains("https://thief.example")),
            "{refused}"
        );
        "no: document".clone_into(&mut text.lock());
        refresh().await.problem(422, "OPENAPI_INVALID");
        call(hub, "pets.listPets", json!({})).await.ok();
    })
    .await;
}

#[tokio::test]
async fn changed_listed_and_removed() {
    let (one, two) = (Service::yes().await, Service::yes().await);
    each_hub_with(open, async |hub| {
        add(hub, "svc", one.document(paths(&["a"])), json!({ "auth": { "type": "bearer", "token": "a-long-token" }, "requiredScopes": [] })).await;
        hub.post("/api/openapi", json!({ "name": "svc", "document": one.document(paths(&["a"])) })).await.problem(409, "SERVICE_EXISTS");
        hub.post("/api/openapi", json!({ "name": "project", "document": one.document(paths(&["a"])) })).await.problem(409, "SERVICE_EXISTS");
        let patch = |body: Value| Answer::of(hub.request(Method::PATCH, "/api/openapi/svc").json(&body));
        let changed = patch(json!({ "timeoutMs": 5000, "requiredScopes": ["x:y"] })).await.ok();
        assert_eq!((&changed["timeoutMs"], &changed["auth"], &changed["requiredScopes"]), (&json!(5000), &json!("bearer"), &json!(["x:y"])));
        call(hub, "svc.a", json!({})).await.ok();
        assert_eq!(one.last().header("authorization"), Some("Bearer a-long-token"), "what is not given stays");
        patch(json!({ "auth": { "type": "bearer", "token": "another-long-one" }, "document": one.document(paths(&["b"])) })).await.ok();
        call(hub, "svc.b", json!({})).await.ok();
        assert_eq!(one.last().header("authorization"), Some("Bearer another-long-one"));
        // Another origin gets no credentials that were given for this one.
        let moved = patch(json!({ "baseUrl": two.url })).await.ok();
        assert_eq!((&moved["auth"], &moved["baseUrl"]), (&json!("none"), &json!(two.url)));
        call(hub, "svc.b", json!({})).await.ok();
        assert_eq!(two.last().header("authorization"), None);
        let problem = Answer::of(hub.request(Method::POST, "/api/openapi/svc/refresh")).await.problem(400, "BAD_REQUEST");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("openapi.update")));

        let listed = hub.get("/api/openapi").await.ok();
        assert_eq!((&listed["items"][0]["name"], listed["items"][0].get("report")), (&json!("svc"), None));
        assert_eq!(hub.get("/api/openapi/svc").await.ok()["status"]["operations"], 1);
        let removed = Answer::of(hub.request(Method::DELETE, "/api/openapi/svc")).await.ok();
        assert_eq!(removed["name"], "svc");
        call(hub, "svc.b", json!({})).await.problem(404, "OPERATION_NOT_FOUND");
        hub.get("/api/openapi/svc").await.problem(404, "SERVICE_NOT_FOUND");
        Answer::of(hub.request(Method::DELETE, "/api/openapi/svc")).await.problem(404, "SERVICE_NOT_FOUND");
        patch(json!({})).await.problem(404, "SERVICE_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn tried_given_and_refused() {
    let service = Service::yes().await;
    each_hub_with(open, async |hub| {
        let mut document = service.document(paths(&["a", "b"]));
        document["components"] =
            json!({ "securitySchemes": { "k": { "type": "apiKey", "in": "header", "name": "X-Declared" } } });
        let tried = hub.post("/api/test/openapi", json!({ "document": document })).await.ok();
        assert_eq!(
            tried["operations"][0],
            json!({ "name": "a", "type": "query", "method": "GET", "path": "/a", "description": "GET /a" })
        );
        assert_eq!(
            tried["auth"],
            json!([{ "name": "k", "type": "apiKey", "in": "header", "parameter": "X-Declared" }])
        );
        assert_eq!((&tried["answer"]["reached"], &tried["answer"]["status"]), (&json!(true), &json!(200)));
        assert_eq!(hub.get("/api/openapi").await.ok()["items"], json!([]), "nothing is stored");

        // As text, and compressed, which is how large documents come in.
        let many: Vec<String> = (0..3000).map(|n| format!("op{n:04}")).collect();
        let many = service.document(paths(&many.iter().map(String::as_str).collect::<Vec<_>>())).to_string();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(many.as_bytes()).expect("written");
        let compressed = BASE64_STANDARD.encode(encoder.finish().expect("compressed"));
        let added = hub.post("/api/openapi", json!({ "name": "many", "compressed": compressed })).await.ok();
        assert_eq!(added["status"]["operations"], 3000);
        call(hub, "many.op2999", json!({})).await.ok();
        hub.post("/api/openapi", json!({ "name": "text", "document": document.to_string() })).await.ok();
        call(hub, "text.b", json!({})).await.ok();

        let refuse = async |more: Value| {
            let mut input = json!({ "name": "svc" });
            input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            hub.post("/api/openapi", input).await
        };
        assert_eq!(refuse(json!({})).await.faults(), ["/url"]);
        assert_eq!(refuse(json!({ "document": {}, "url": service.url })).await.faults(), ["/url"]);
        assert_eq!(refuse(json!({ "document": 3 })).await.faults(), ["/document"]);
        assert_eq!(refuse(json!({ "compressed": "AAAA" })).await.faults(), ["/compressed"]);
        for (document, word) in [
            (json!({}), "neither"),
            (json!({ "openapi": "3.0.0" }), "baseUrl"),
            (service.document(json!({})), "no operation"),
            (json!("a: ["), "YAML"),
        ] {
            let problem = refuse(json!({ "document": document })).await.problem(422, "OPENAPI_INVALID");
            assert!(
                problem["details"]["reason"].as_str().is_some_and(|reason| reason.contains(word)),
                "{problem}"
            );
        }
        let missing = refuse(json!({ "url": format!("{}/x.json", service.url) })).await;
        missing.problem(422, "OPENAPI_INVALID");
    })
    .await;
}
