//! Start, stop, and the database's absence.

use std::time::Duration;

use reqwest::Method;

use crate::support::{
    hub::{Answer, each_hub, each_hub_with},
    until,
};

#[tokio::test]
async fn health_pages() {
    each_hub(async |hub| {
        assert_eq!(hub.anonymous(Method::GET, "/healthz").await.body, "ok");
        let ready = hub.anonymous(Method::GET, "/readyz").await;
        assert_eq!(ready.ok()["ready"], true);
        let home = hub.client.get(&hub.url).send().await.expect("an answer");
        assert_eq!(home.url().path(), "/docs");
        assert!(home.text().await.expect("a page").contains("SwaggerUIBundle"));
        let page = hub.anonymous(Method::GET, "/docs/errors/VALIDATION_ERROR").await;
        assert!(page.body.contains("VALIDATION_ERROR"), "{page:?}");
        hub.anonymous(Method::GET, "/docs/errors/NO_SUCH").await.problem(404, "NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn a_stop_lets_running_calls_finish() {
    each_hub(async |hub| {
        let slow = tokio::spawn(Answer::of(hub.request(Method::GET, "/api/kit/slow?ms=700")));
        until("the handler runs", Duration::from_secs(10), async || {
            hub.get("/api/kit/live").await.ok()["slow"] == 1
        })
        .await;
        assert!(hub.stop().await, "all calls finished");
        slow.await.expect("joined").ok();
        assert!(hub.client.get(format!("{}/healthz", hub.url)).send().await.is_err(), "nobody listens");
    })
    .await;
}

#[tokio::test]
async fn a_stop_does_not_wait_longer_than_it_may() {
    each_hub_with(
        |config| config.server.shutdown_grace = Duration::from_millis(100),
        async |hub| {
            let slow = tokio::spawn(hub.request(Method::GET, "/api/kit/slow?ms=1900").send());
            until("the handler runs", Duration::from_secs(10), async || {
                hub.get("/api/kit/live").await.ok()["slow"] == 1
            })
            .await;
            assert!(!hub.stop().await, "one call was cut");
            slow.abort();
        },
    )
    .await;
}

#[tokio::test]
async fn a_stop_ends_streams_with_a_word() {
    each_hub(async |hub| {
        let stream =
            tokio::spawn(Answer::of(hub.request(Method::GET, "/api/kit/count?to=1000000&everyMs=20")));
        until("the stream runs", Duration::from_secs(10), async || {
            hub.get("/api/kit/live").await.ok()["counts"] == 1
        })
        .await;
        assert!(hub.stop().await);
        let body = stream.await.expect("joined").body;
        assert!(body.contains("event: error") && body.contains("ABORTED"), "{body}");
    })
    .await;
}
