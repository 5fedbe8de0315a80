//! Who may come, and from where.

use reqwest::Method;
use serde_json::json;

use super::client::{Client, refused};
use crate::support::hub::{Answer, each_hub, each_hub_with};

#[tokio::test]
async fn without_a_key_a_client_is_told_where_to_read_on() {
    each_hub(async |hub| {
        let client = Client::new(hub);
        let message = client.message("tools/list", json!({}));
        for (key, method) in [("", Method::POST), ("", Method::GET), ("alk_nobody_00", Method::POST)] {
            let is_post = method == Method::POST;
            let mut request = hub.client.request(method, &client.url).json(&message);
            if !key.is_empty() {
                request = request.bearer_auth(key);
            }
            let answer = Answer::of(request).await;
            if is_post {
                refused(&answer, 401, "ACCESS_DENIED");
            } else {
                answer.problem(401, "ACCESS_DENIED");
            }
            let challenge = answer.headers["www-authenticate"].to_str().expect("text");
            let url = challenge.split("resource_metadata=\"").nth(1).and_then(|rest| rest.split('"').next());
            let url = url.expect("a URL");
            assert_eq!(url, format!("{}/.well-known/oauth-protected-resource/mcp", hub.url));
            let metadata = Answer::of(hub.client.get(url)).await.ok();
            assert_eq!(metadata["resource"], client.url);
            assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
        }
        hub.anonymous(Method::GET, "/.well-known/oauth-protected-resource").await.ok();
    })
    .await;
}

#[tokio::test]
async fn names_and_pages_of_others_are_refused() {
    let public = |config: &mut alkhub::config::Config| {
        config.server.public_url = Some("https://hub.example.org".to_owned());
        config.mcp.allowed_hosts = vec!["hub.internal".to_owned()];
        config.mcp.allowed_origins = vec!["https://app.example.org".to_owned()];
    };
    each_hub_with(public, async |hub| {
        let client = Client::new(hub);
        let message = client.message("tools/list", json!({}));
        let send = async |name: &str, value: &str| {
            let request =
                client.request(Method::POST, Some(&message)).header(name.to_owned(), value.to_owned());
            Answer::of(request).await
        };
        for host in ["hub.example.org", "hub.internal:8443", "localhost:1", "10.1.2.3:8080"] {
            send("host", host).await.ok();
        }
        refused(&send("host", "evil.example").await, 403, "ACCESS_DENIED");
        for origin in ["https://app.example.org", "https://hub.example.org", "http://localhost:6274"] {
            send("origin", origin).await.ok();
        }
        for origin in ["https://evil.example", "null", "http://hub.example.org"] {
            refused(&send("origin", origin).await, 403, "ACCESS_DENIED");
        }
        let answer = Answer::of(hub.client.post(&client.url).json(&message)).await;
        let challenge = answer.headers["www-authenticate"].to_str().expect("text");
        assert!(challenge.contains("https://hub.example.org/.well-known/"), "{challenge}");
    })
    .await;
}

#[tokio::test]
async fn rates_are_limited_as_elsewhere() {
    let limited = |config: &mut alkhub::config::Config| {
        config.rate.operations = alkhub::rate::OperationQuota::parse("kit.echo=2/1h").into_iter().collect();
    };
    each_hub_with(limited, async |hub| {
        let client = Client::new(hub);
        for _ in 0..2 {
            client.output("kit_echo", json!({ "text": "x" })).await;
        }
        let answer = client.send(&client.calling("kit_echo", &json!({ "text": "x" }))).await;
        assert!(answer.headers.contains_key("ratelimit"), "{answer:?}");
        let problem = answer.ok()["result"]["structuredContent"].clone();
        assert_eq!(problem["code"], "RATE_LIMITED");
        assert!(problem["retryAfter"].is_number(), "{problem}");
        // A batch is no way round.
        let call = json!({ "operationId": "kit.echo", "input": { "text": "x" } });
        let results = client.output("batch", json!({ "calls": [call] })).await;
        assert_eq!(results["results"][0]["error"]["code"], "RATE_LIMITED");
    })
    .await;
}
