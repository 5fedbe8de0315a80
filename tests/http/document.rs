//! The OpenAPI document: committed as it is served.

use reqwest::Method;

use crate::support::hub::each_hub;

/// Compares, or with `UPDATE=1` rewrites, `generated/openapi.json`.
#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/generated/openapi.json");
    let served = alkhub::transport::http::openapi_json();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &served).expect("written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == served,
        "generated/openapi.json is stale; run the test with UPDATE=1 and commit the file"
    );
}

#[tokio::test]
async fn every_route_of_the_document_is_served() {
    each_hub(async |hub| {
        let document = hub.anonymous(Method::GET, "/openapi.json").await.ok();
        let mut routes = 0;
        for (path, operations) in document["paths"].as_object().expect("paths") {
            let concrete: Vec<&str> =
                path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
            for (method, operation) in operations.as_object().expect("operations") {
                let method: Method = method.to_uppercase().parse().expect("a method");
                let answer = hub.anonymous(method, &concrete.join("/")).await;
                assert_ne!(answer.status, 405, "{path}");
                assert!(
                    answer.status != 404 || answer.body.contains("OPERATION_NOT_FOUND"),
                    "{path}: {answer:?}"
                );
                let declared = operation["responses"].as_object().expect("responses");
                assert!(declared.contains_key(answer.status.as_str()), "{path}: {answer:?}");
                routes += 1;
            }
        }
        let bound = alkhub_api::OPERATIONS.iter().filter(|operation| operation.http.is_some()).count();
        let kit = alkhub_testkit::api::OPERATIONS.iter().filter(|operation| operation.http.is_some()).count();
        assert_eq!(routes, bound + kit);
    })
    .await;
}
