//! How the hub shows services who it is, and that nobody else sees it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use poem::{Response, http::StatusCode};
use serde_json::{Value, json};

use super::service::{Service, add, call, open, reply};
use crate::support::hub::each_hub_with;

const SECRET: &str = "s3cret-\"quoted\"-and-long";

fn paths() -> Value {
    json!({ "/a": { "get": { "operationId": "a", "parameters": [{ "name": "key", "in": "query", "schema": {} }] } } })
}

#[tokio::test]
async fn credentials_of_all_kinds_and_none_shown() {
    // It sends back all that it got, as careless services do.
    let service = Service::start(|seen| {
        let headers: serde_json::Map<String, Value> =
            seen.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let mut response =
            reply("application/json", json!({ "headers": headers, "target": seen.target }).to_string());
        if seen.target.contains("key=fail") {
            response.set_status(StatusCode::BAD_REQUEST);
        }
        if let Some(value) = seen.header("authorization").and_then(|value| value.parse().ok()) {
            response.headers_mut().insert("x-echo", value);
        }
        response
    })
    .await;
    let cases: Vec<(Value, &str, String)> = vec![
        (json!({ "type": "bearer", "token": SECRET }), "authorization", format!("Bearer {SECRET}")),
        (
            json!({ "type": "basic", "username": "u", "password": "a-long-password" }),
            "authorization",
            "Basic dTphLWxvbmctcGFzc3dvcmQ=".to_owned(),
        ),
        (json!({ "type": "apiKey", "value": SECRET }), "x-api-key", SECRET.to_owned()),
        (
            json!({ "type": "apiKey", "value": SECRET, "name": "X-K", "prefix": "Token " }),
            "x-k",
            format!("Token {SECRET}"),
        ),
        (
            json!({ "type": "apiKey", "value": "plain-and-long", "in": "cookie", "name": "k" }),
            "cookie",
            "k=plain-and-long".to_owned(),
        ),
    ];
    each_hub_with(open, async |hub| {
        for (index, (auth, header, expected)) in cases.iter().enumerate() {
            let name = format!("svc{index}");
            let added = add(hub, &name, service.document(paths()), json!({ "auth": auth })).await;
            assert_eq!(added["auth"], auth["type"]);
            let answer = call(hub, &format!("{name}.a"), json!({ "key": "x" })).await;
            assert_eq!(service.last().header(header), Some(expected.as_str()), "{auth}");
            let failed = call(hub, &format!("{name}.a"), json!({ "key": "fail" })).await;
            assert_eq!(failed.status.as_u16(), 400);
            let [get, list] = [hub.get(&format!("/api/openapi/{name}")).await, hub.get("/api/openapi").await];
            for shown in [answer, failed, get, list, hub.get("/api/events/log").await] {
                for secret in [
                    SECRET,
                    &SECRET.replace('"', "\\\""),
                    "a-long-password",
                    "dTphLWxvbmctcGFzc3dvcmQ=",
                    "plain-and-long",
                ] {
                    assert!(!shown.body.contains(secret), "{secret}: {}", shown.body);
                }
            }
        }
        let query = json!({ "type": "apiKey", "value": SECRET, "in": "query", "name": "key" });
        add(
            hub,
            "query",
            service.document(paths()),
            json!({ "auth": query, "headers": { "X-Version": "2026" } }),
        )
        .await;
        let answer = call(hub, "query.a", json!({ "key": "of the caller" })).await.ok();
        assert_eq!(
            service.last().target,
            "/a?key=s3cret-%22quoted%22-and-long",
            "the caller's own gives way"
        );
        assert_eq!(service.last().header("x-version"), Some("2026"));
        assert!(!answer.to_string().contains("quoted"), "{answer}");

        // Where the document says which key, the value is enough.
        let mut document = service.document(paths());
        document["components"] =
            json!({ "securitySchemes": { "k": { "type": "apiKey", "in": "header", "name": "X-Declared" } } });
        add(hub, "declared", document, json!({ "auth": { "type": "apiKey", "value": "declared-value" } }))
            .await;
        call(hub, "declared.a", json!({})).await.ok();
        assert_eq!(service.last().header("x-declared"), Some("declared-value"));
    })
    .await;
}

#[tokio::test]
async fn wrong_credentials_are_told_apart() {
    let service = Service::yes().await;
    each_hub_with(open, async |hub| {
        let post = async |more: Value| {
            let mut input = json!({ "name": "svc", "document": service.document(paths()) });
            input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            hub.post("/api/openapi", input).await
        };
        let refused = post(json!({ "auth": { "type": "clientCredentials", "clientId": "a", "clientSecret": "b" } })).await;
        assert_eq!(refused.faults(), ["/auth/tokenUrl"]);
        assert_eq!(post(json!({ "headers": { "a b": "c" } })).await.faults(), ["/headers/a b"]);
        assert_eq!(post(json!({ "headers": { "host": "c" } })).await.faults(), ["/headers/host"]);
        assert_eq!(post(json!({ "headers": { "a": "c\nd: e" } })).await.faults(), ["/headers/a"]);
        let private = json!({ "auth": { "type": "clientCredentials", "clientId": "a", "clientSecret": "b", "tokenUrl": "http://10.0.0.1/t" } });
        post(private).await.problem(403, "OUTBOUND_REFUSED");
    })
    .await;
}

#[tokio::test]
async fn tokens_are_fetched_kept_and_renewed() {
    let given = Arc::new(AtomicUsize::new(0));
    let valid = Arc::new(AtomicUsize::new(1));
    let (counting, checking) = (given.clone(), valid.clone());
    let service = Service::start(move |seen| {
        if seen.target == "/token" {
            let number = counting.fetch_add(1, SeqCst) + 1;
            assert_eq!(seen.text(), "grant_type=client_credentials&scope=read+write&audience=them");
            assert_eq!(
                seen.header("authorization"),
                Some("Basic aWQ6c2VjcmV0JTJGJTNBMTIz"),
                "form-encoded first"
            );
            return reply(
                "application/json",
                json!({ "access_token": format!("token-number-{number}"), "expires_in": 3600 }).to_string(),
            );
        }
        let expected = format!("Bearer token-number-{}", checking.load(SeqCst));
        if seen.header("authorization") == Some(expected.as_str()) {
            return reply("application/json", json!({ "echo": expected }).to_string());
        }
        Response::builder().status(StatusCode::UNAUTHORIZED).finish()
    })
    .await;
    each_hub_with(open, async |hub| {
        given.store(0, SeqCst);
        valid.store(1, SeqCst);
        let auth = json!({ "type": "clientCredentials", "clientId": "id", "clientSecret": "secret/:123",
            "tokenUrl": format!("{}/token", service.url), "scopes": ["read", "write"], "audience": "them" });
        add(hub, "svc", service.document(paths()), json!({ "auth": auth })).await;
        let calls = futures::future::join_all((0..8).map(|_| call(hub, "svc.a", json!({})))).await;
        for answer in calls {
            assert_eq!(answer.ok()["data"]["echo"], "Bearer [hidden]");
        }
        assert_eq!(given.load(SeqCst), 1, "one token for all");
        // The service forgets it before its time: it is asked for anew, once.
        valid.store(2, SeqCst);
        call(hub, "svc.a", json!({})).await.ok();
        assert_eq!(given.load(SeqCst), 2);
        valid.store(99, SeqCst);
        let refused = call(hub, "svc.a", json!({})).await;
        assert_eq!((refused.status.as_u16(), given.load(SeqCst)), (502, 3), "no more than once");
    })
    .await;
}

/// A service whose document is for those alone who show a key.
async fn guarded(header: &'static str, value: &'static str) -> Service {
    Service::start(move |seen| {
        let by_query = header == "query" && seen.target.contains(value);
        if !by_query && seen.header(header) != Some(value) {
            return Response::builder().status(StatusCode::UNAUTHORIZED).finish();
        }
        let host = seen.header("host").expect("a host");
        let document = json!({
            "openapi": "3.1.0", "info": { "title": "Guarded", "version": "1.0" },
            "servers": [{ "url": format!("http://{host}") }], "paths": paths(),
        });
        reply("application/json", document.to_string())
    })
    .await
}

#[tokio::test]
async fn a_document_is_fetched_as_the_service_wants_it() {
    each_hub_with(open, async |hub| {
        let service = guarded("authorization", "Bearer document-token").await;
        let auth = json!({ "type": "bearer", "token": "document-token" });
        let place = format!("{}/openapi.json", service.url);
        let input = json!({ "name": "doc", "url": place, "auth": auth });
        let refused = hub.post("/api/openapi", input.clone()).await.problem(422, "OPENAPI_INVALID");
        assert!(refused["detail"].as_str().expect("words").contains("baseUrl"), "{refused}");
        assert_eq!(service.last().header("authorization"), None, "nobody said that it belongs there");
        let mut with_base = input.clone();
        with_base["baseUrl"] = service.url.as_str().into();
        hub.post("/api/openapi", with_base.clone()).await.ok();
        hub.post("/api/openapi/doc/refresh", json!({})).await.ok();
        // Elsewhere the credentials are never shown.
        let other = Service::yes().await;
        with_base["name"] = "other".into();
        with_base["url"] = format!("{}/openapi.json", other.url).into();
        hub.post("/api/openapi", with_base).await.problem(422, "OPENAPI_INVALID");
        assert_eq!((other.count(), other.last().header("authorization")), (1, None));
    })
    .await;
}

#[tokio::test]
async fn a_key_in_the_query_of_a_document_is_not_stored() {
    each_hub_with(open, async |hub| {
        let service = guarded("query", "query-secret").await;
        let auth = json!({ "type": "apiKey", "value": "query-secret", "in": "query", "name": "k" });
        let input = json!({ "name": "doc", "url": format!("{}/openapi.json", service.url), "auth": auth, "baseUrl": service.url });
        hub.post("/api/openapi", input).await.ok();
        assert_eq!(service.last().target, "/openapi.json?k=query-secret");
        let count = hub.backend.count("SELECT COUNT(*) AS count FROM services WHERE document LIKE '%query-secret%'");
        assert_eq!(count.await, 0);
    })
    .await;
}
