//! Providers, and the names by which their models are asked.

use reqwest::Method;
use serde_json::json;

use super::{SECRETS, caller, chat, each, put};
use crate::support::hub::Answer;

#[tokio::test]
async fn providers_are_kept_without_their_keys_being_shown() {
    each(async |hub, upstream| {
        let shown = hub.get("/api/providers/open").await;
        assert_eq!(shown.ok()["keys"], 1);
        assert!(!shown.body.contains(SECRETS[0]));
        assert_eq!(hub.get("/api/providers").await.ok()["items"].as_array().map(Vec::len), Some(2));
        let twice = json!({ "name": "open", "kind": "openai", "baseUrl": upstream.url });
        hub.post("/api/providers", twice).await.problem(409, "PROVIDER_EXISTS");
        let nowhere = json!({ "name": "x", "kind": "openai-compatible" });
        assert_eq!(hub.post("/api/providers", nowhere).await.faults(), ["/baseUrl"]);
        let private = json!({ "name": "x", "kind": "openai", "baseUrl": "http://10.0.0.1/v1" });
        hub.post("/api/providers", private).await.problem(403, "OUTBOUND_REFUSED");
        // A key must not follow to another place.
        let moved = json!({ "baseUrl": "https://example.org/v1" });
        let update = |body| hub.request(Method::PATCH, "/api/providers/open").json(&body);
        assert_eq!(Answer::of(update(moved)).await.faults(), ["/baseUrl"]);
        let tested = hub.post("/api/providers/open/test", json!({})).await.ok();
        assert_eq!((&tested["ok"], &tested["keys"][0]["models"]), (&json!(true), &json!(["m"])));
        Answer::of(hub.request(Method::DELETE, "/api/providers/open")).await.ok();
        hub.get("/api/providers/open").await.problem(404, "PROVIDER_NOT_FOUND");
        assert_eq!(hub.post("/v1/chat/completions", chat("open/gpt-4o-mini")).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn names_stand_for_models() {
    each(async |hub, upstream| {
        let alias = json!({ "model": "open/gpt-4o-mini" });
        Answer::of(put(hub, "/api/models/fast/alias", &alias)).await.ok();
        let asked = async |model: &str| hub.post("/v1/chat/completions", chat(model)).await;
        assert_eq!(asked("fast").await.ok()["model"], "gpt-4o-mini");
        // Listed by one provider alone, and by two.
        assert_eq!(asked("anth-model").await.headers["x-alkhub-model"], "anth/anth-model");
        assert_eq!(asked("gpt-4o-mini").await.status, 404);
        let weighted = json!({ "targets": [
            { "model": "open/a", "weight": 3 }, { "model": "anth/b", "weight": 1 }, { "model": "open/c", "order": 1 },
        ] });
        Answer::of(put(hub, "/api/models/some", &weighted)).await.ok();
        upstream.forget();
        for _ in 0..60 {
            asked("some").await.ok();
        }
        let count = |model: &str| upstream.got().iter().filter(|got| got.body.contains(model)).count();
        let (a, b, c) = (count("\"a\""), count("\"b\""), count("\"c\""));
        assert!(a > 0 && b > 0 && c == 0 && a + b == 60, "{a} {b} {c}");
        let unknown = json!({ "targets": [{ "model": "nobody/a" }] });
        Answer::of(put(hub, "/api/models/some", &unknown)).await.problem(404, "PROVIDER_NOT_FOUND");
        Answer::of(hub.request(Method::DELETE, "/api/models/fast")).await.ok();
        assert_eq!(asked("fast").await.status, 404);
        Answer::of(hub.request(Method::DELETE, "/api/models/fast")).await.problem(404, "MODEL_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn keys_use_what_they_may() {
    each(async |hub, _| {
        let (key, id) = caller(hub).await;
        let path = format!("/api/llm/keys/{id}");
        let asked = async |model: &str| hub.post_as(&key, "/v1/chat/completions", chat(model)).await;
        let policy =
            json!({ "policy": { "models": ["open/*"], "requests": { "count": 3, "seconds": 3600 } } });
        let set = Answer::of(put(hub, &path, &policy)).await.ok();
        assert_eq!(set, policy["policy"]);
        assert_eq!(hub.get(&path).await.ok(), policy["policy"]);
        asked("open/a").await.ok();
        let refused = asked("anth/a").await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["error"]["code"]),
            (403, &json!("MODEL_NOT_ALLOWED"))
        );
        asked("open/b").await.ok();
        asked("open/b").await.ok();
        let refused = asked("open/b").await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["error"]["code"]),
            (429, &json!("rate_limit_exceeded"))
        );
        assert!(refused.headers.contains_key("retry-after"));
        let unknown = put(hub, "/api/llm/keys/nosuchkey", &policy);
        Answer::of(unknown).await.problem(404, "KEY_NOT_FOUND");
    })
    .await;
}
