//! A provider's key is seen by the provider alone, and prompts are kept only where that was asked for.

use serde_json::json;

use super::{
    PATIENCE, SECRETS, Upstream, caller, chat, each, message, process::Process, put, streamed,
    upstream::Fault, usage,
};
use crate::support::{
    database::Backend,
    hub::{ADMIN, Answer, TestHub},
    until,
};

const TABLES: [&str; 6] =
    ["llm_providers", "llm_usage", "llm_captures", "audit_logs", "events", "idempotency_keys"];

#[tokio::test]
async fn keys_are_nowhere_after_every_kind_of_failure() {
    each(async |hub, upstream| {
        let (key, id) = caller(hub).await;
        let record = json!({ "policy": { "record": true } });
        Answer::of(put(hub, &format!("/api/llm/keys/{id}"), &record)).await.ok();
        let mut said = Vec::new();
        let faults = [
            Fault::EchoKey(400),
            Fault::EchoKey(401),
            Fault::EchoKey(404),
            Fault::EchoKey(500),
            Fault::Status(429, Some("60")),
            Fault::FailFirst,
            Fault::Cut(3),
            Fault::Html,
        ];
        for fault in faults {
            for (path, body) in [
                ("/v1/chat/completions", chat("open/a")),
                ("/v1/chat/completions", streamed(chat("anth/a"))),
                ("/v1/messages", message("anth/a")),
            ] {
                upstream.forget();
                upstream.fails([fault.clone(), fault.clone(), fault.clone()]);
                let answer = hub.post_as(&key, path, body).await;
                said.push(format!("{:?} {}", answer.headers, answer.body));
                for name in ["open", "anth"] {
                    let forget = json!({ "models": [] });
                    let update = hub.request(reqwest::Method::PATCH, &format!("/api/providers/{name}"));
                    Answer::of(update.json(&forget)).await.ok();
                }
            }
        }
        for path in
            ["/metrics", "/api/providers", "/api/usage", "/api/audit", "/api/events/log", "/api/models"]
        {
            said.push(hub.get(path).await.body);
        }
        for text in &said {
            assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{text}");
        }
        nowhere_stored(hub).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_prompts_are_in_no_log() {
    for backend in Backend::all().await {
        let upstream = Upstream::start().await;
        let hub = Process::start(&backend);
        hub.providers(&upstream).await;
        let prompt = "a prompt that is nobody's business";
        let faults = [
            None,
            Some(Fault::EchoKey(400)),
            Some(Fault::EchoKey(401)),
            Some(Fault::EchoKey(500)),
            Some(Fault::FailFirst),
            Some(Fault::Cut(3)),
            Some(Fault::Html),
        ];
        for fault in faults {
            for model in ["open/a", "anth/a"] {
                let mut body = chat(model);
                body["messages"][0]["content"] = json!(prompt);
                for body in [body.clone(), streamed(body)] {
                    upstream.forget();
                    upstream.fails(vec![fault.clone(); 3].into_iter().flatten());
                    hub.post("/v1/chat/completions", &body).await;
                    for name in ["open", "anth"] {
                        // Forgets how its keys have fared.
                        let update = hub.request(reqwest::Method::PATCH, &format!("/api/providers/{name}"));
                        Answer::of(update.json(&json!({ "models": [] }))).await.ok();
                    }
                }
            }
        }
        // Everything was logged, by whatever has a log: attempts that failed, too.
        let said = async |text: &str| {
            until(text, PATIENCE, async || hub.log().contains(text)).await;
        };
        said("asked a model").await;
        said("an attempt failed").await;
        let log = hub.log();
        for secret in SECRETS.iter().chain([&prompt, &"Hello from", &ADMIN]) {
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret}");
        }
    }
}

/// Looks through the database's own file, or its tables.
async fn nowhere_stored(hub: &TestHub) {
    if hub.backend.name() == "SQLite" {
        for entry in std::fs::read_dir(hub.backend.data()).expect("a folder") {
            let path = entry.expect("an entry").path();
            if let Ok(bytes) = std::fs::read(&path) {
                let found = |secret: &&str| memchr::memmem::find(&bytes, secret.as_bytes()).is_some();
                assert!(!SECRETS.iter().any(found), "{}", path.display());
            }
        }
        return;
    }
    for table in TABLES {
        for secret in SECRETS {
            let query = format!("SELECT COUNT(*) AS count FROM {table} AS t WHERE t::text LIKE '%{secret}%'");
            assert_eq!(hub.backend.count(&query).await, 0, "{table}");
        }
    }
}

#[tokio::test]
async fn prompts_are_kept_only_where_it_was_asked_for() {
    each(async |hub, upstream: &Upstream| {
        let (key, id) = caller(hub).await;
        let mut body = chat("open/gpt-4o-mini");
        body["messages"][0]["content"] = json!("a prompt that is nobody's business");
        hub.post_as(&key, "/v1/chat/completions", body.clone()).await.ok();
        usage(hub, 1).await;
        assert_eq!(hub.backend.count("SELECT COUNT(*) AS count FROM llm_captures").await, 0);
        let record = json!({ "policy": { "record": true } });
        Answer::of(put(hub, &format!("/api/llm/keys/{id}"), &record)).await.ok();
        hub.post_as(&key, "/v1/chat/completions", streamed(body)).await;
        let used = usage(hub, 2).await;
        let path = format!("/api/usage/{}/capture", used[0]["requestId"].as_str().expect("an id"));
        until("it is kept", PATIENCE, async || hub.get(&path).await.status == 200).await;
        // In the database it is sealed.
        for text in ["%nobody%", "%[DONE]%", "%gpt-4o%"] {
            let query = format!("SELECT COUNT(*) AS count FROM llm_captures WHERE request LIKE '{text}' OR answer LIKE '{text}'");
            assert_eq!(hub.backend.count(&query).await, 0, "{text}");
        }
        let kept = hub.get(&path).await.ok();
        assert!(kept["request"].as_str().expect("text").contains("nobody's business"));
        assert!(kept["answer"].as_str().expect("text").contains("[DONE]"), "{kept}");
        let other = format!("/api/usage/{}/capture", used[1]["requestId"].as_str().expect("an id"));
        hub.get(&other).await.problem(404, "CAPTURE_NOT_FOUND");
        assert_eq!(upstream.got().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn answers_are_given_again_only_where_it_was_asked_for() {
    each(async |hub, upstream| {
        let (key, id) = caller(hub).await;
        let mut body = chat("open/gpt-4o-mini");
        body["temperature"] = json!(0);
        let asked =
            async |body: &serde_json::Value| hub.post_as(&key, "/v1/chat/completions", body.clone()).await;
        for _ in 0..2 {
            asked(&body).await.ok();
        }
        assert_eq!(upstream.got().len(), 2);
        let policy = json!({ "policy": { "cacheSeconds": 3600 } });
        Answer::of(put(hub, &format!("/api/llm/keys/{id}"), &policy)).await.ok();
        let first = asked(&body).await;
        let second = asked(&body).await;
        assert_eq!(
            (&first.headers["x-alkhub-cache"], &second.headers["x-alkhub-cache"]),
            (&"miss".parse().expect("v"), &"hit".parse().expect("v"))
        );
        assert_eq!((first.body, upstream.got().len()), (second.body, 3));
        body["temperature"] = json!(1);
        asked(&body).await.ok();
        // Another key has a cache of its own.
        body["temperature"] = json!(0);
        hub.post("/v1/chat/completions", body).await.ok();
        assert_eq!(upstream.got().len(), 5);
    })
    .await;
}
