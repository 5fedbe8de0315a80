//! Providers that fail: what is tried again, where else, and what the caller is told.

use std::time::Duration;

use serde_json::{Value, json};

use super::{chat, data, each, each_with, message, put, streamed, text, upstream::Fault, usage};
use crate::support::hub::Answer;

#[tokio::test]
async fn what_passes_is_tried_again() {
    each(async |hub, upstream| {
        for faults in [
            vec![Fault::Status(500, None)],
            vec![Fault::Status(429, Some("0"))],
            vec![Fault::Status(529, None), Fault::Status(503, None)],
            vec![Fault::Html],
        ] {
            upstream.forget();
            let attempts = faults.len() + 1;
            upstream.fails(faults);
            let answer = hub.post("/v1/chat/completions", chat("open/gpt-4o-mini")).await;
            answer.ok();
            assert_eq!(
                (upstream.got().len(), &answer.headers["x-alkhub-attempts"]),
                (attempts, &attempts.to_string().parse().expect("a value"))
            );
        }
        // Longer than anybody waits: the caller is told when to come again.
        upstream.fails([Fault::Status(429, Some("30"))]);
        let answer = hub.post("/v1/chat/completions", chat("open/gpt-4o-mini")).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["retry-after"]),
            (429, &"30".parse().expect("a value"))
        );
        assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
        // The key rests for so long, and nobody is asked.
        upstream.forget();
        let answer = hub.post("/v1/chat/completions", chat("open/gpt-4o-mini")).await;
        assert_eq!((answer.status.as_u16(), upstream.got().len()), (503, 0));
    })
    .await;
}

#[tokio::test]
async fn what_is_the_requests_own_fault_is_not_tried_again() {
    each(async |hub, upstream| {
        upstream.fails([Fault::Status(400, None), Fault::Status(400, None), Fault::Status(422, None)]);
        let answer = hub.post("/v1/chat/completions", chat("open/gpt-4o-mini")).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]["message"]),
            (400, &json!("told to fail"))
        );
        let answer = hub.post("/v1/messages", message("open/gpt-4o-mini")).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]["type"]),
            (400, &json!("invalid_request_error"))
        );
        assert_eq!(answer.json()["error"]["message"], "told to fail");
        let answer = hub.post("/v1/messages", message("anth/claude-haiku-4-5")).await;
        assert_eq!(answer.json()["error"]["message"], "told to fail");
        assert_eq!(upstream.got().len(), 3);
        let used = usage(hub, 3).await;
        assert!(used.iter().all(|used| used["status"] == "failed" && used["costUsd"] == 0.0), "{used:?}");
    })
    .await;
}

#[tokio::test]
async fn fallbacks_serve_before_the_first_token_and_not_after() {
    each(async |hub, upstream| {
        let targets = json!({ "targets": [
            { "model": "open/first", "order": 0, "timeoutSeconds": 1 },
            { "model": "anth/second", "order": 1 },
        ] });
        Answer::of(put(hub, "/api/models/both", &targets)).await.ok();
        let failing = [
            vec![Fault::Cut(0), Fault::Cut(1), Fault::Cut(1)],
            vec![Fault::FailFirst, Fault::FailFirst, Fault::FailFirst],
            vec![Fault::Status(404, None)],
            vec![Fault::Slow(Duration::from_secs(60))],
        ];
        for faults in failing {
            upstream.forget();
            upstream.fails(faults.clone());
            // Whatever the one before has done to the key is forgotten with it.
            let update = json!({ "models": [] });
            Answer::of(hub.request(reqwest::Method::PATCH, "/api/providers/open").json(&update)).await.ok();
            let answer = hub.post("/v1/chat/completions", streamed(chat("both"))).await;
            assert_eq!(text(&data(&answer)), "Hello from second", "{faults:?}");
            assert_eq!(answer.headers["x-alkhub-provider"], "anth");
        }
        for (path, body, model) in [
            ("/v1/chat/completions", chat("both"), "first"),
            ("/v1/chat/completions", chat("anth/x"), "x"),
            ("/v1/messages", message("anth/x"), "x"),
            ("/v1/messages", message("open/x"), "x"),
            ("/v1/responses", json!({ "model": "anth/x", "input": "Hi" }), "x"),
        ] {
            upstream.forget();
            upstream.fails([Fault::Cut(3)]);
            let answer = hub.post(path, streamed(body)).await;
            let events = data(&answer);
            let last = events.last().expect("an event");
            assert!(last["error"]["message"].is_string() || last["type"] == "error", "{model}: {answer:?}");
            assert_eq!(upstream.got().len(), 1, "{answer:?}");
        }
        assert!(usage(hub, 9).await[0]["status"] == "cut");
    })
    .await;
}

#[tokio::test]
async fn malformed_and_giant_events_end_a_translated_stream_properly() {
    each_with(
        |config| config.llm.event_bytes = 4096,
        async |hub, upstream| {
            upstream.fails([Fault::Malformed, Fault::Giant(100_000), Fault::Giant(100_000)]);
            let answer = hub.post("/v1/chat/completions", streamed(chat("anth/x"))).await;
            assert!(
                data(&answer).last().expect("an event")["error"]["message"]
                    .as_str()
                    .expect("text")
                    .contains("not JSON")
            );
            let answer = hub.post("/v1/chat/completions", streamed(chat("anth/x"))).await;
            assert!(
                data(&answer).last().expect("an event")["error"]["message"]
                    .as_str()
                    .expect("text")
                    .contains("too much")
            );
            let answer = hub.post("/v1/chat/completions", streamed(chat("open/x"))).await;
            let events: Vec<Value> = data(&answer);
            assert!(
                events.last().expect("an event")["error"]["message"]
                    .as_str()
                    .expect("text")
                    .contains("too much")
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a_key_that_fails_rests_and_another_is_used() {
    each(async |hub, upstream| {
        let keys = json!({ "name": "two", "kind": "openai", "baseUrl": upstream.url, "apiKeys": ["key-a", "key-b"] });
        hub.post("/api/providers", keys).await.ok();
        upstream.fails([Fault::Status(401, None)]);
        for _ in 0..4 {
            hub.post("/v1/chat/completions", chat("two/m")).await.ok();
        }
        let shown: Vec<_> = upstream.got().iter().map(|got| got.headers["authorization"].clone()).collect();
        assert_eq!(shown.len(), 5);
        assert!(shown[1..].iter().all(|key| *key == shown[1] && *key != shown[0]), "{shown:?}");
        let tested = hub.post("/api/providers/two/test", json!({})).await.ok();
        assert_eq!((&tested["ok"], tested["keys"].as_array().map(Vec::len)), (&json!(true), Some(2)));
    })
    .await;
}
