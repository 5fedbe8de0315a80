//! A process that is killed loses nothing of what it has answered, and holds nothing of budgets for long.

use std::collections::BTreeMap;

use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::{PATIENCE, Upstream, chat, process::Process, streamed, upstream::Fault};
use crate::support::{
    database::Backend,
    hub::{ADMIN, Answer},
    until,
};

const ANSWERED: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_in_the_books_after_kill_9() {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let upstream = Upstream::start().await;
        let mut hub = Process::start(&backend);
        hub.providers(&upstream).await;
        let id = ADMIN.split('_').nth(1).expect("an id");
        let budget = json!({ "period": "total", "limitUsd": 10 });
        Answer::of(hub.request(Method::PUT, &format!("/api/budgets/key/{id}")).json(&budget)).await.ok();
        let mut answered = Vec::new();
        let mut lost = Vec::new();
        let mut body = chat("open/gpt-4o-mini");
        body["max_tokens"] = json!(100);
        for round in 0..3 {
            // A stream that is in its middle.
            upstream.fails([Fault::Endless]);
            let request = hub.request(Method::POST, "/v1/chat/completions").json(&streamed(body.clone()));
            let response = request.send().await.expect("an answer");
            lost.push(response.headers()["x-request-id"].to_str().expect("text").to_owned());
            let mut stream = response.bytes_stream();
            stream.next().await.expect("a part").expect("a part");
            let asked = (0..ANSWERED).map(async |_| {
                let answer = hub.post("/v1/chat/completions", &body).await;
                answer.ok();
                answer.headers["x-request-id"].to_str().expect("text").to_owned()
            });
            answered.extend(futures::future::join_all(asked).await);
            hub.kill();
            drop(stream);
            hub = Process::start(&backend);
            until("what was answered is in the books", PATIENCE, async || {
                books(&hub).await.len() == (round + 1) * (ANSWERED + 1)
            })
            .await;
        }
        let books = books(&hub).await;
        for request in &answered {
            let line = &books[request];
            assert_eq!(
                (&line["status"], &line["inputTokens"], &line["outputTokens"]),
                (&json!("ok"), &json!(11), &json!(4))
            );
        }
        for request in &lost {
            assert_eq!(books[request]["status"], "lost", "{}", books[request]);
            assert!(books[request]["costUsd"].as_f64().expect("a cost") > 0.0);
        }
        // What the dead had reserved and not used is free again, and the rest is spent.
        until("nothing is reserved", PATIENCE, async || {
            backend.count("SELECT COUNT(*) AS count FROM llm_reservations").await == 0
        })
        .await;
        assert_eq!(backend.count("SELECT reserved AS count FROM llm_budgets").await, 0);
        let recorded = backend.count("SELECT CAST(SUM(cost) AS BIGINT) AS count FROM llm_usage").await;
        assert_eq!(backend.count("SELECT spent AS count FROM llm_budgets").await, recorded);
    }
}

/// All lines of usage, by request.
async fn books(hub: &Process) -> BTreeMap<String, Value> {
    let usage = hub.get("/api/usage?limit=200").await;
    let lines = usage["items"].as_array().expect("items");
    let named =
        lines.iter().map(|line| (line["requestId"].as_str().expect("an id").to_owned(), line.clone()));
    named.collect()
}
