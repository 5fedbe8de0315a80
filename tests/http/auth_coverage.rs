//! Every declared operation is called without credentials and with too few scopes; the list is the declaration, so
//! that a new operation cannot be forgotten.

use reqwest::Method;

use crate::support::hub::{Answer, each_hub};

#[tokio::test]
async fn every_operation_refuses_strangers_and_the_scopeless() {
    each_hub(async |hub| {
        let scopeless = hub.key(&["nothing:at-all"]).await;
        let mut checked = 0;
        for operation in alkhub_api::OPERATIONS {
            let open = operation.access.required_scopes.is_empty()
                && operation.access.required_scopes_any.is_empty()
                && operation.access.resource_type.is_none();
            let body = serde_json::json!({ "operationId": operation.id, "input": {} });
            let gateway = if operation.kind == alkhub_core::Kind::Subscription {
                "/api/subscribe"
            } else {
                "/api/call"
            };
            let strange = Answer::of(hub.client.post(format!("{}{gateway}", hub.url)).json(&body)).await;
            let short = hub.post_as(&scopeless, gateway, body).await;
            let rest = operation.http.map(|http| {
                let path = http.path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
                (http.method.parse::<Method>().expect("a method"), path.collect::<Vec<_>>().join("/"))
            });
            if open {
                assert_ne!(strange.status, 401, "{} is open", operation.id);
                assert_ne!(short.status, 403, "{} is open", operation.id);
                continue;
            }
            strange.problem(401, "ACCESS_DENIED");
            short.problem(403, "ACCESS_DENIED");
            if let Some((method, path)) = rest {
                hub.anonymous(method.clone(), &path).await.problem(401, "ACCESS_DENIED");
                Answer::of(hub.request_as(&scopeless, method, &path)).await.problem(403, "ACCESS_DENIED");
            }
            checked += 1;
        }
        assert!(checked >= 12, "only {checked} operations demand anything");
    })
    .await;
}
