//! Readers of events that do not keep up, and events that are not kept.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    events::{Reader, head, numbers, publish},
    hub::{ADMIN, TestHub, each_hub_with},
    until,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// More than the sockets between hub and reader take.
const LARGE: usize = 60_000;
const MANY: i64 = 250;

async fn flood(hub: &TestHub) {
    let large = "x".repeat(LARGE);
    for _ in 0..MANY {
        publish(hub, "custom.large", "", json!(large)).await;
    }
}

async fn says(hub: &TestHub, line: &str) -> bool {
    hub.get("/metrics").await.body.contains(&format!("\nalkhub_{line}\n"))
}

/// Reads the bare stream so that nothing is read unless the test does.
async fn unread(hub: &TestHub) -> TcpStream {
    let address = hub.url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.expect("connected");
    let head = format!(
        "GET /api/events?since=0 HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {ADMIN}\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket
}

#[tokio::test]
async fn who_does_not_read_for_long_is_ended_with_a_code_and_resumes_without_a_loss() {
    let hasty = |config: &mut alkhub::config::Config| config.events.patience = Duration::from_millis(200);
    each_hub_with(hasty, async |hub| {
        let mut reader = Reader::open(hub, ADMIN, "?since=0").await;
        let mut seen = numbers(&reader.take(1).await);
        flood(hub).await;
        until("one is seen to be behind", PATIENCE, async || says(hub, "event_readers_behind 1").await).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        let behind = loop {
            let frame = reader.frame().await.expect("a word before the end");
            match frame.event.as_str() {
                "error" => break frame,
                "hub.position" => {}
                _ => seen.extend(frame.id),
            }
        };
        assert_eq!(behind.data["code"], "EVENTS_BEHIND", "{behind:?}");
        assert!(reader.frame().await.is_none(), "then the end");
        let last = behind.data["details"]["lastSequence"].as_i64();
        assert_eq!(last, seen.last().copied());
        let mut reader = Reader::resume(hub, ADMIN, "", last).await;
        let left = usize::try_from(MANY + 1).expect("few") - seen.len();
        seen.extend(numbers(&reader.take(left).await));
        assert_eq!(seen, (1..=MANY + 1).collect::<Vec<_>>());
        assert!(says(hub, "event_readers_ended_total 1").await);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_nobody_reads_is_closed() {
    let hasty =
        |config: &mut alkhub::config::Config| config.limits.write_timeout = Duration::from_millis(300);
    each_hub_with(hasty, async |hub| {
        let mut socket = unread(hub).await;
        flood(hub).await;
        until("its reader is gone", PATIENCE, async || says(hub, "event_readers 0").await).await;
        // It gets what the system had taken, and an end.
        let mut left = Vec::new();
        let _reset = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut left)).await.expect("an end");
        assert!(left.starts_with(b"HTTP/1.1 200") && left.len() < LARGE * 250, "{}", left.len());
    })
    .await;
}

/// The ring in memory is far smaller than what comes at once: the database makes up for it.
#[tokio::test]
async fn who_falls_behind_catches_up() {
    let tight = |config: &mut alkhub::config::Config| config.events.ring = 16;
    each_hub_with(tight, async |hub| {
        let mut readers = Vec::new();
        for query in ["?since=0", "?since=0&types=custom.odd"] {
            readers.push(Reader::open(hub, ADMIN, query).await);
        }
        let large = "x".repeat(LARGE);
        for number in 0..MANY {
            let kind = if number % 2 == 0 { "custom.even" } else { "custom.odd" };
            publish(hub, kind, "", json!(large)).await;
        }
        let all = numbers(&readers[0].take(usize::try_from(MANY + 1).expect("few")).await);
        assert_eq!(all, (1..=MANY + 1).collect::<Vec<_>>());
        let odd = numbers(&readers[1].take(usize::try_from(MANY / 2).expect("few")).await);
        assert_eq!(odd, (1..=MANY / 2).map(|half| 2 * half + 1).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn what_is_not_kept_is_gone_with_a_word() {
    let short = |config: &mut alkhub::config::Config| {
        config.events.keep_count = 10;
        config.events.sweep = Duration::from_millis(20);
    };
    each_hub_with(short, async |hub| {
        for number in 0..60 {
            publish(hub, "custom.a", "", json!(number)).await;
        }
        let oldest = async || {
            let page = hub.get("/api/events/log?limit=1").await.ok();
            page["items"][0]["sequence"].as_i64().unwrap_or(0)
        };
        until("only ten are left", PATIENCE, async || head(hub).await == 61 && oldest().await == 52).await;
        let refused = Reader::try_open(hub, ADMIN, "?since=50", None).await.err().expect("refused");
        assert_eq!(refused.problem(410, "EVENTS_EXPIRED")["details"], json!({ "oldestSequence": 52 }));
        let refused = Reader::try_open(hub, ADMIN, "", Some(1)).await.err().expect("refused");
        refused.problem(410, "EVENTS_EXPIRED");
        hub.get("/api/events/log?sinceSequence=50").await.problem(410, "EVENTS_EXPIRED");
        let mut reader = Reader::open(hub, ADMIN, "?since=51").await;
        assert_eq!(numbers(&reader.take(10).await), (52..=61).collect::<Vec<_>>());
        publish(hub, "custom.a", "", json!(null)).await;
        assert_eq!(numbers(&reader.take(1).await), [62], "numbers go on");
    })
    .await;
}
