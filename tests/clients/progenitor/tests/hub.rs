//! The generated client against a running hub.

mod process;

use alkhub_client_progenitor::{Client, Error, types};
use futures::TryStreamExt;
use process::{Hub, KEY};
use serde_json::Value;

fn client(hub: &Hub, token: &str) -> Client {
    let mut headers = reqwest::header::HeaderMap::new();
    let value = format!("Bearer {token}").parse().expect("a header value");
    headers.insert(reqwest::header::AUTHORIZATION, value);
    let http = reqwest::Client::builder().default_headers(headers).no_proxy().build().expect("a client");
    Client::new_with_client(&hub.url, http)
}

/// Status and body of a refusal.
async fn refusal<T>(answer: Result<T, Error<progenitor_client::ByteStream>>) -> (u16, Value) {
    let Err(Error::ErrorResponse(refused)) = answer else { panic!("not refused as the document declares") };
    let status = refused.status().as_u16();
    let bytes: Vec<_> = refused.into_inner_stream().try_collect().await.expect("a body");
    (status, serde_json::from_slice(&bytes.concat()).expect("a problem document"))
}

#[tokio::test]
async fn creates_reads_and_lists() {
    let hub = Hub::start().await;
    let admin = client(&hub, KEY);
    let input =
        types::ProjectCreateInput::builder().name("progenitor").repository("https://git.example/progenitor");
    let created = admin.project_create().body(input).send().await.expect("a project").into_inner();
    assert_eq!(created.name.as_str(), "progenitor");
    assert!(!created.archived);

    let got =
        admin.project_get().project_id(created.id.as_str()).send().await.expect("the project").into_inner();
    assert_eq!(got.created_at, created.created_at);

    let page = admin.project_list().name("progen").limit(10).send().await.expect("a page").into_inner();
    let ids: Vec<_> = page.items.iter().map(|project| &project.id).collect();
    assert_eq!(ids, [&created.id]);
}

#[tokio::test]
async fn is_told_each_fault() {
    let hub = Hub::start().await;
    let admin = client(&hub, KEY);
    let input = types::ProjectCreateInput::builder().name("a").repository("not an address");
    let (status, problem) = refusal(admin.project_create().body(input).send().await).await;
    assert_eq!(status, 422);
    assert_eq!(problem["code"], "VALIDATION_ERROR");
    assert_eq!(problem["details"]["faults"][0]["pointer"], "/repository");
    // Faults that the types know never leave the client.
    let unsent = types::ProjectCreateInput::builder().name("").repository("https://git.example/a");
    assert!(matches!(admin.project_create().body(unsent).send().await, Err(Error::InvalidRequest(_))));
}

#[tokio::test]
async fn is_refused_what_the_key_may_not() {
    let hub = Hub::start().await;
    let admin = client(&hub, KEY);
    let scopes: types::Scopes = serde_json::from_value(serde_json::json!(["project:read"])).expect("scopes");
    let input = types::KeyCreateInput::builder().name("reader").scopes(scopes);
    let issued = admin.key_create().body(input).send().await.expect("a key").into_inner();
    let reader = client(&hub, &issued.token);
    reader.project_list().send().await.expect("reading is allowed");
    let input =
        types::ProjectCreateInput::builder().name("forbidden").repository("https://git.example/forbidden");
    let (status, problem) = refusal(reader.project_create().body(input).send().await).await;
    assert_eq!((status, &problem["code"]), (403, &Value::from("ACCESS_DENIED")));
}

#[tokio::test]
async fn follows_a_stream() {
    let hub = Hub::start().await;
    let stream = client(&hub, KEY).hub_watch().interval_ms(100).count(2).send().await.expect("a stream");
    let bytes: Vec<_> = stream.into_inner_stream().try_collect().await.expect("its end");
    let text = String::from_utf8(bytes.concat()).expect("text");
    assert_eq!(text.lines().filter(|line| line.starts_with("data:")).count(), 2, "{text}");
}
