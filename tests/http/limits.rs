//! Bounds on what a client may send, and on how long calls run.

use std::time::Duration;

use reqwest::{Method, header};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    hub::{Answer, each_hub, each_hub_with},
    until,
};

#[tokio::test]
async fn large_bodies_are_refused_whether_announced_or_not() {
    each_hub_with(
        |config| config.limits.body_bytes = 1000,
        async |hub| {
            let body = json!({ "name": "x".repeat(2000) });
            hub.post("/api/projects", body.clone()).await.problem(413, "PAYLOAD_TOO_LARGE");
            let chunks = futures::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(vec![b' '; 100])));
            let request = hub
                .request(Method::POST, "/api/projects")
                .header(header::CONTENT_TYPE, "application/json")
                .body(reqwest::Body::wrap_stream(chunks));
            Answer::of(request).await.problem(413, "PAYLOAD_TOO_LARGE");
        },
    )
    .await;
}

#[tokio::test]
async fn deep_bodies_are_refused() {
    each_hub(async |hub| {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let request =
            hub.request(Method::POST, "/api/projects").header(header::CONTENT_TYPE, "application/json");
        Answer::of(request.body(deep)).await.problem(400, "BAD_REQUEST");
        // Brackets inside text are not depth.
        let flat = json!({ "name": "[".repeat(150), "repository": "https://git.example/x" });
        hub.post("/api/projects", flat).await.ok();
    })
    .await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    each_hub_with(
        |config| config.limits.body_timeout = Duration::from_millis(200),
        async |hub| {
            let mut socket =
                TcpStream::connect(hub.url.trim_start_matches("http://")).await.expect("connected");
            let head = format!(
                "POST /api/projects HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {}\r\n\
                 content-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{{",
                crate::support::hub::ADMIN
            );
            socket.write_all(head.as_bytes()).await.expect("sent");
            let mut answer = Vec::new();
            socket.read_to_end(&mut answer).await.expect("an answer");
            assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 408"), "{answer:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    each_hub_with(
        |config| config.limits.header_timeout = Duration::from_millis(200),
        async |hub| {
            let mut socket =
                TcpStream::connect(hub.url.trim_start_matches("http://")).await.expect("connected");
            socket.write_all(b"GET /api/info HTTP/1.1\r\nho").await.expect("sent");
            let mut answer = Vec::new();
            // Ends because the hub closes; the test's own timeout would end it otherwise.
            socket.read_to_end(&mut answer).await.expect("closed");
        },
    )
    .await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_not_kept() {
    each_hub_with(
        |config| config.limits.header_timeout = Duration::from_millis(200),
        async |hub| {
            for beginning in [&b""[..], b"P", b"PR"] {
                let mut socket =
                    TcpStream::connect(hub.url.trim_start_matches("http://")).await.expect("connected");
                socket.write_all(beginning).await.expect("sent");
                let mut answer = Vec::new();
                // A reset as well as an end: what was sent is thrown away unread.
                let ended = socket.read_to_end(&mut answer).await;
                assert!(answer.is_empty(), "{ended:?}");
            }
        },
    )
    .await;
}

#[tokio::test]
async fn large_heads_are_refused() {
    each_hub(async |hub| {
        let large = hub.request(Method::GET, "/api/info").header("x-large", "x".repeat(100_000));
        let status = large.send().await.map(|response| response.status().as_u16());
        assert!(matches!(status, Ok(431) | Err(_)), "{status:?}");
        let mut many = hub.request(Method::GET, "/api/info");
        for number in 0..300 {
            many = many.header(format!("x-{number}"), "x");
        }
        assert_eq!(many.send().await.map(|response| response.status().as_u16()).ok(), Some(431));
        hub.get("/api/info").await.ok();
    })
    .await;
}

#[tokio::test]
async fn calls_end_at_their_deadline() {
    each_hub(async |hub| {
        let problem = hub.get("/api/kit/slow?ms=60000").await.problem(504, "TIMEOUT");
        assert!(problem["details"]["deadline"].is_u64(), "{problem}");
        let live = hub.get("/api/kit/live").await.ok();
        assert_eq!(live["slow"], 0);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_aborts_its_call() {
    each_hub(async |hub| {
        let request = hub.request(Method::GET, "/api/kit/slow?ms=1900").send();
        let waiting = tokio::spawn(request);
        until("the handler runs", Duration::from_secs(10), async || {
            hub.get("/api/kit/live").await.ok()["slow"] == 1
        })
        .await;
        waiting.abort();
        until("the handler is gone", Duration::from_secs(10), async || {
            hub.get("/api/kit/live").await.ok()["slow"] == 0
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn too_many_calls_at_once_are_refused_and_told_when_to_return() {
    each_hub_with(
        |config| config.limits.calls_in_flight = 2,
        async |hub| {
            let slow = || hub.get("/api/kit/slow?ms=1000");
            let answers = futures::future::join_all((0..6).map(|_| slow())).await;
            let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
            assert!(!refused.is_empty() && refused.len() < 6, "{answers:?}");
            refused[0].problem(503, "UNAVAILABLE");
            assert_eq!(refused[0].headers["retry-after"], "1");
        },
    )
    .await;
}
