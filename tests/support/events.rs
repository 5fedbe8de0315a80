//! A reader of `/api/events` that keeps what it was told.

use std::time::Duration;

use futures::{StreamExt, stream::BoxStream};
use reqwest::Method;
use serde_json::{Value, json};

use super::hub::{Answer, TestHub};

/// Longest that a test waits for an event; a loaded machine needs time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A frame with data.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub id: Option<i64>,
    pub event: String,
    pub data: Value,
}

/// An open stream.
pub(crate) struct Reader {
    body: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: String,
}

impl Reader {
    /// Opens a stream; `query` begins with `?` or is empty.
    pub(crate) async fn open(hub: &TestHub, key: &str, query: &str) -> Self {
        Self::resume(hub, key, query, None).await
    }

    /// Opens a stream as a browser does that comes again.
    pub(crate) async fn resume(hub: &TestHub, key: &str, query: &str, last: Option<i64>) -> Self {
        Self::try_open(hub, key, query, last).await.unwrap_or_else(|answer| panic!("{answer:?}"))
    }

    pub(crate) async fn try_open(
        hub: &TestHub,
        key: &str,
        query: &str,
        last: Option<i64>,
    ) -> Result<Self, Answer> {
        let mut request = hub.request_as(key, Method::GET, &format!("/api/events{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.expect("an answer");
        if response.status() != 200 {
            return Err(Answer::read(response).await);
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut reader = Self { body: response.bytes_stream().boxed(), text: String::new() };
        assert_eq!(reader.block().await.as_deref(), Some("retry: 1000"));
        Ok(reader)
    }

    /// The next frame with data, a position included; `None` at the end.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let Some(data) = field("data:") else { continue };
            return Some(Frame {
                id: field("id:").map(|id| id.parse().expect("a number")),
                event: field("event:").unwrap_or("message").to_owned(),
                data: serde_json::from_str(data).expect("JSON"),
            });
        }
    }

    /// The next event, which must come.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let frame = self.frame().await.expect("an event");
            if frame.event != "hub.position" {
                assert_eq!(frame.data["type"], frame.event.as_str(), "{frame:?}");
                assert_eq!(frame.data["sequence"].as_i64(), frame.id, "{frame:?}");
                return frame.data;
            }
        }
    }

    /// The next so many.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.next().await);
        }
        events
    }

    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.body.next()).await.expect("an event in time");
            self.text.push_str(std::str::from_utf8(&chunk?.ok()?).expect("whole frames"));
        }
    }
}

/// The sequence numbers of events.
pub(crate) fn numbers(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["sequence"].as_i64().expect("a number")).collect()
}

/// Publishes an event.
pub(crate) async fn publish(hub: &TestHub, kind: &str, id: &str, payload: Value) {
    hub.post("/api/events", json!({ "type": kind, "id": id, "payload": payload })).await.ok();
}

/// The last number that the hub has given.
pub(crate) async fn head(hub: &TestHub) -> i64 {
    let page = hub.get("/api/events/log?order=newest&limit=1").await.ok();
    page["items"][0]["sequence"].as_i64().unwrap_or(0)
}
