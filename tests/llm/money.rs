//! Budgets are never overspent, and nothing that was answered is lost.

use std::sync::Arc;

use serde_json::json;

use super::{PATIENCE, Upstream, caller, chat, each, providers, put, settings, streamed, usage};
use crate::limits::shared::each_pair;
use crate::support::{
    database::Backend,
    hub::{Answer, TestHub},
    until,
};

/// What one request costs: 11 tokens in and 4 out of gpt-4o-mini, in billionths of a dollar.
const COST: i64 = 11 * 150 + 4 * 600;

#[tokio::test]
async fn budgets_stop_hard_and_tell_by_how_much() {
    each(async |hub, _| {
        let (key, id) = caller(hub).await;
        let mut body = chat("open/gpt-4o-mini");
        body["max_tokens"] = json!(100);
        let asked = async |session: &str| {
            let request = hub.request_as(&key, reqwest::Method::POST, "/v1/chat/completions").json(&body);
            Answer::of(request.header("x-alkhub-session", session).header("x-alkhub-project", "p")).await
        };
        let limit = |usd: f64| json!({ "period": "total", "limitUsd": usd });
        Answer::of(put(hub, "/api/budgets/session/s1", &limit(0.001))).await.ok();
        asked("s1").await.ok();
        asked("s2").await.ok();
        until("it is spent", PATIENCE, async || {
            let budgets = hub.get("/api/budgets?kind=session").await.ok();
            budgets["items"][0]["spentUsd"].as_f64()
                == Some(f64::from(i32::try_from(COST).expect("small")) / 1e9)
                && budgets["items"][0]["reservedUsd"] == 0.0
        })
        .await;
        Answer::of(put(hub, "/api/budgets/session/s1", &limit(0.000_004))).await.ok();
        let refused = asked("s1").await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["error"]["code"]),
            (402, &json!("insufficient_quota"))
        );
        asked("s2").await.ok();
        Answer::of(put(hub, "/api/budgets/project/p", &json!({ "period": "day", "limitUsd": 0 }))).await.ok();
        let refused = asked("s2").await;
        assert!(
            refused.json()["error"]["message"].as_str().expect("text").contains("renewed at"),
            "{refused:?}"
        );
        Answer::of(hub.request(reqwest::Method::DELETE, "/api/budgets/project/p/day")).await.ok();
        asked("s2").await.ok();
        Answer::of(put(hub, &format!("/api/budgets/key/{id}"), &json!({ "period": "month", "limitUsd": 1 })))
            .await
            .ok();
        let unpriced = hub.post_as(&key, "/v1/chat/completions", chat("open/no-price")).await;
        assert_eq!(
            (unpriced.status.as_u16(), &unpriced.json()["error"]["code"]),
            (403, &json!("PRICE_UNKNOWN"))
        );

        usage(hub, 4).await;
        for (by, lines) in [("key", 1), ("project", 1), ("session", 2), ("model", 1), ("day", 1)] {
            let summary = hub.get(&format!("/api/usage/summary?by={by}")).await.ok();
            let items = summary["items"].as_array().expect("items");
            assert_eq!(items.len(), lines, "{by}: {summary}");
            let total: i64 = items.iter().filter_map(|item| item["inputTokens"].as_i64()).sum();
            assert_eq!(total, 44, "{by}: {summary}");
        }
        let one = hub.get("/api/usage?session=s1").await.ok();
        assert_eq!(one["items"].as_array().map(Vec::len), Some(1));
    })
    .await;
}

#[tokio::test]
async fn two_hundred_at_once_over_two_processes_never_overspend() {
    for backend in Backend::all().await {
        let backend = Arc::new(backend);
        let upstream = Upstream::start().await;
        let mut one = TestHub::start(backend.clone(), settings).await;
        providers(&one, &upstream).await;
        let (key, id) = caller(&one).await;
        // Enough for some of them, by what each reserves for 500 tokens of an answer.
        let limit = 0.01;
        let budget = json!({ "period": "total", "limitUsd": limit });
        Answer::of(put(&one, &format!("/api/budgets/key/{id}"), &budget)).await.ok();
        // Knows of it from its start.
        let mut two = TestHub::start(backend.clone(), settings).await;
        let mut body = streamed(chat("open/gpt-4o-mini"));
        body["max_tokens"] = json!(500);
        let (one_ref, two_ref, key_ref, body_ref) = (&one, &two, &key, &body);
        let asked = (0..200).map(async |index| {
            let hub = if index % 2 == 0 { one_ref } else { two_ref };
            hub.post_as(key_ref, "/v1/chat/completions", body_ref.clone()).await.status.as_u16()
        });
        let statuses = futures::future::join_all(asked).await;
        let served = i64::try_from(statuses.iter().filter(|status| **status == 200).count()).expect("few");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 402)), "{statuses:?}");
        assert!(served > 0);
        until("all is settled", PATIENCE, async || {
            backend.count("SELECT COUNT(*) AS count FROM llm_reservations").await == 0
        })
        .await;
        let spent = backend.count("SELECT spent AS count FROM llm_budgets").await;
        let recorded = backend.count("SELECT CAST(SUM(cost) AS BIGINT) AS count FROM llm_usage").await;
        assert_eq!((spent, recorded), (served * COST, served * COST));
        assert!(spent <= 10_000_000, "{spent}");
        assert_eq!(backend.count("SELECT reserved AS count FROM llm_budgets").await, 0);
        // And to the end of it: one after the other, until there is nothing left for one more.
        let tight =
            json!({ "period": "total", "limitUsd": f64::from(i32::try_from(spent).expect("small")) / 1e9 });
        Answer::of(put(&one, &format!("/api/budgets/key/{id}"), &tight)).await.ok();
        assert_eq!(one.post_as(&key, "/v1/chat/completions", body.clone()).await.status, 402);
        one.stop().await;
        two.stop().await;
    }
}

#[tokio::test]
async fn what_a_process_leaves_behind_counts_in_full() {
    each(async |hub, _| {
        let (_, id) = caller(hub).await;
        let budget = json!({ "period": "total", "limitUsd": 1 });
        Answer::of(put(hub, &format!("/api/budgets/key/{id}"), &budget)).await.ok();
        // Made just now: what is older than usage is kept would be cleaned away as soon as it is settled.
        let now = jiff::Timestamp::now().as_millisecond();
        // As a process leaves it that was killed while a provider answered.
        hub.backend
            .execute(&format!(
                "INSERT INTO llm_reservations (id, node, key_id, operation, model, budgets, amount, input_tokens, \
                 output_tokens, lease_until, created_at) SELECT 'left', 'gone', '{id}', 'llm.chat', 'm', id, 12345, 1, 2, 0, {now} \
                 FROM llm_budgets"
            ))
            .await;
        hub.backend.execute("UPDATE llm_budgets SET reserved = 12345").await;
        // The next start of a process looks at once.
        let mut second = TestHub::start(hub.backend.clone(), settings).await;
        until("it is settled", PATIENCE, async || {
            hub.backend.count("SELECT COUNT(*) AS count FROM llm_usage WHERE status = 'lost'").await == 1
        })
        .await;
        let budgets = hub.get("/api/budgets").await.ok();
        assert_eq!((&budgets["items"][0]["spentUsd"], &budgets["items"][0]["reservedUsd"]), (&json!(0.000_012_345), &json!(0.0)));
        second.stop().await;
    })
    .await;
}

#[tokio::test]
async fn limits_of_a_key_hold_over_two_processes() {
    let upstream = Upstream::start().await;
    each_pair(settings, async |one, two, _| {
        let (one, two) = (&*one, &*two);
        providers(one, &upstream).await;
        let (key, id) = caller(one).await;
        let asked = async |hub: &TestHub, most: u32| {
            let mut body = chat("open/gpt-4o-mini");
            body["max_tokens"] = json!(most);
            hub.post_as(&key, "/v1/chat/completions", body).await
        };
        // Both providers first: their absence would look like what the policy leaves of them.
        until("the other one knows the providers", PATIENCE, async || {
            two.get_as(&key, "/v1/models").await.body.contains("anth/")
        })
        .await;
        let knows = async |hub: &TestHub, policy: &serde_json::Value| {
            Answer::of(put(one, &format!("/api/llm/keys/{id}"), policy)).await.ok();
            until("the other one knows", PATIENCE, async || {
                hub.get(&format!("/api/llm/keys/{id}")).await.json() == policy["policy"]
                    && hub.get_as(&key, "/v1/models").await.body.contains("open/")
                    && !hub.get_as(&key, "/v1/models").await.body.contains("anth/")
            })
            .await;
        };
        let requests =
            json!({ "policy": { "models": ["open/*"], "requests": { "count": 4, "seconds": 36000 } } });
        knows(two, &requests).await;
        for index in 0..4 {
            asked(if index % 2 == 0 { one } else { two }, 1).await.ok();
        }
        for hub in [one, two] {
            let refused = asked(hub, 1).await;
            assert_eq!(refused.status, 429, "{refused:?}");
            assert!(refused.headers.contains_key("retry-after"));
        }
        // Of 1000 tokens one request takes 900 and gives most of them back.
        let tokens =
            json!({ "policy": { "models": ["open/gpt*"], "tokens": { "count": 1000, "seconds": 36000 } } });
        Answer::of(put(one, &format!("/api/llm/keys/{id}"), &tokens)).await.ok();
        until("the other one knows", PATIENCE, async || {
            two.get_as(&key, "/v1/models").await.body.matches("open/").count() == 1
        })
        .await;
        asked(one, 900).await.ok();
        until("the rest has come back", PATIENCE, async || asked(two, 900).await.status == 200).await;
        asked(two, 2000).await;
        assert_eq!(asked(one, 2000).await.status, 429);
    })
    .await;
}

#[tokio::test]
async fn what_no_budget_lets_in_costs_no_tokens_of_a_rate() {
    each(async |hub, upstream| {
        let (key, id) = caller(hub).await;
        let tokens = json!({ "policy": { "tokens": { "count": 1000, "seconds": 36000 } } });
        Answer::of(put(hub, &format!("/api/llm/keys/{id}"), &tokens)).await.ok();
        let budget = |usd: f64| json!({ "period": "total", "limitUsd": usd });
        Answer::of(put(hub, &format!("/api/budgets/key/{id}"), &budget(0.0))).await.ok();
        let mut body = chat("open/gpt-4o-mini");
        body["max_tokens"] = json!(900);
        let mut refused = 0;
        // Where several processes count, what comes back is a moment on its way.
        until("it is refused by the budget time and again", PATIENCE, async || {
            let status = hub.post_as(&key, "/v1/chat/completions", body.clone()).await.status;
            assert!(matches!(status.as_u16(), 402 | 429), "{status}");
            refused += u32::from(status == 402);
            refused == 5
        })
        .await;
        assert!(upstream.got().is_empty());
        Answer::of(put(hub, &format!("/api/budgets/key/{id}"), &budget(1.0))).await.ok();
        until("it is let in", PATIENCE, async || {
            hub.post_as(&key, "/v1/chat/completions", body.clone()).await.status == 200
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_a_budget_pays_for_has_an_end() {
    each(async |hub, upstream| {
        let provider = json!({
            "name": "priced", "kind": "openai-compatible", "baseUrl": upstream.url,
            "prices": { "*": { "input": 1, "output": 1 } },
        });
        hub.post("/api/providers", provider).await.ok();
        let (key, id) = caller(hub).await;
        let sent = async |path: &str, body: serde_json::Value| {
            upstream.forget();
            hub.post_as(&key, path, body).await.ok();
            upstream.got()[0].body.clone()
        };
        assert!(!sent("/v1/chat/completions", chat("priced/m")).await.contains("max_"));
        let budget = json!({ "period": "total", "limitUsd": 1 });
        Answer::of(put(hub, &format!("/api/budgets/key/{id}"), &budget)).await.ok();
        assert!(sent("/v1/chat/completions", chat("priced/m")).await.contains("\"max_tokens\":4096"));
        let responses = json!({ "model": "priced/m", "input": "Hi" });
        assert!(sent("/v1/responses", responses).await.contains("4096"));
        // The caller's own bound stays, and so does that of a model whose longest answer is known.
        let mut bounded = chat("priced/m");
        bounded["max_tokens"] = json!(7);
        assert!(!sent("/v1/chat/completions", bounded).await.contains("4096"));
        assert!(!sent("/v1/chat/completions", chat("open/gpt-4o-mini")).await.contains("max_"));
        // Below what a request may come to cost nobody is asked.
        let tight = json!({ "period": "total", "limitUsd": 0.004 });
        Answer::of(put(hub, &format!("/api/budgets/key/{id}"), &tight)).await.ok();
        upstream.forget();
        assert_eq!(hub.post_as(&key, "/v1/chat/completions", chat("priced/m")).await.status, 402);
        assert!(upstream.got().is_empty());
    })
    .await;
}

#[tokio::test]
async fn usage_goes_when_it_is_old_and_budgets_keep_what_was_spent() {
    for backend in Backend::all().await {
        let backend = Arc::new(backend);
        let upstream = Upstream::start().await;
        let mut hub = TestHub::start(backend.clone(), settings).await;
        providers(&hub, &upstream).await;
        let (key, id) = caller(&hub).await;
        let budget = json!({ "period": "total", "limitUsd": 1 });
        Answer::of(put(&hub, &format!("/api/budgets/key/{id}"), &budget)).await.ok();
        for _ in 0..3 {
            hub.post_as(&key, "/v1/chat/completions", chat("open/gpt-4o-mini")).await.ok();
        }
        let newest = usage(&hub, 3).await[0]["requestId"].clone();
        hub.stop().await;
        // Two of them are 399 and 401 days old.
        let day = 24 * 60 * 60 * 1000_i64;
        for (place, days) in [(0, 399), (1, 401)] {
            let others =
                format!("SELECT id FROM llm_usage WHERE id <> {newest} ORDER BY id LIMIT 1 OFFSET {place}");
            let update = format!("UPDATE llm_usage SET at = at - {} WHERE id = ({others})", days * day);
            backend.execute(&update.replace('"', "'")).await;
        }
        let mut hub = TestHub::start(backend.clone(), settings).await;
        until("the oldest is gone", PATIENCE, async || {
            backend.count("SELECT COUNT(*) AS count FROM llm_usage").await == 2
        })
        .await;
        let budgets = hub.get("/api/budgets").await.ok();
        let spent = budgets["items"][0]["spentUsd"].as_f64().expect("a number");
        assert!(
            (spent - f64::from(i32::try_from(3 * COST).expect("small")) / 1e9).abs() < 1e-12,
            "{budgets}"
        );
        hub.stop().await;
    }
}
