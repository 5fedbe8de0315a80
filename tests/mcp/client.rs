//! A client that says exactly what a test says.

use std::sync::atomic::{AtomicI64, Ordering};

use futures::StreamExt;
use reqwest::{Client as Http, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::hub::{ADMIN, Answer, TestHub};

/// Revisions with sessions.
pub(crate) const OLDER: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];
/// The one without.
pub(crate) const NEWEST: &str = "2026-07-28";

/// One client of a hub.
pub(crate) struct Client {
    pub(crate) http: Http,
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) version: &'static str,
    pub(crate) session: Option<String>,
    pub(crate) next: AtomicI64,
}

impl Client {
    /// Of the newest revision, with the admin key.
    pub(crate) fn new(hub: &TestHub) -> Self {
        Self::as_key(hub, ADMIN)
    }

    pub(crate) fn as_key(hub: &TestHub, key: &str) -> Self {
        Self {
            http: hub.client.clone(),
            url: format!("{}/mcp", hub.url),
            key: key.to_owned(),
            version: NEWEST,
            session: None,
            next: AtomicI64::new(1),
        }
    }

    /// Of an older revision, after its handshake.
    pub(crate) async fn older(hub: &TestHub, version: &'static str) -> Self {
        let mut client = Self { version, ..Self::new(hub) };
        let welcome = client.send(&client.initialize(version)).await;
        assert_eq!(welcome.ok()["result"]["protocolVersion"], version);
        client.session = Some(welcome.headers["mcp-session-id"].to_str().expect("text").to_owned());
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(client.send(&initialized).await.status, 202);
        client
    }

    pub(crate) fn initialize(&self, version: &str) -> Value {
        let client = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client });
        self.message("initialize", params)
    }

    /// A message with a fresh id, and with all that the revision wants in each.
    pub(crate) fn message(&self, method: &str, mut params: Value) -> Value {
        if self.version == NEWEST {
            for (name, value) in [
                ("protocolVersion", json!(NEWEST)),
                ("clientCapabilities", json!({})),
                ("clientInfo", json!({ "name": "test", "version": "1" })),
            ] {
                params["_meta"][format!("io.modelcontextprotocol/{name}")] = value;
            }
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }

    /// `tools/call`
    pub(crate) fn calling(&self, tool: &str, arguments: &Value) -> Value {
        self.message("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// The same by a client that wants to hear of progress.
    pub(crate) fn following(&self, tool: &str, arguments: &Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": "p" } });
        self.message("tools/call", params)
    }

    /// A request with the headers of the revision.
    pub(crate) fn request(&self, method: Method, message: Option<&Value>) -> RequestBuilder {
        let mut request = self.http.request(method, &self.url).bearer_auth(&self.key);
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        if self.session.is_some() || self.version == NEWEST {
            request = request.header("mcp-protocol-version", self.version);
        }
        let Some(message) = message else { return request.header("accept", "text/event-stream") };
        if self.version == NEWEST {
            request = request.header("mcp-method", message["method"].as_str().unwrap_or_default());
            let name = message["params"]["name"].as_str().or_else(|| message["params"]["uri"].as_str());
            if let Some(name) = name {
                request = request.header("mcp-name", name);
            }
        }
        request.header("accept", "application/json, text/event-stream").json(message)
    }

    pub(crate) async fn send(&self, message: &Value) -> Answer {
        Answer::of(self.request(Method::POST, Some(message))).await
    }

    /// The result of a request.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, params: Value) -> impl Future<Output = Value> + '_ {
        let place = std::panic::Location::caller();
        let message = self.message(method, params);
        async move {
            let answer = self.send(&message).await;
            let mut answered = messages(&answer.body).pop().unwrap_or_else(|| panic!("{place}: {answer:?}"));
            assert_eq!(answered["id"], message["id"], "{place}: {answered}");
            assert!(answered["result"].is_object(), "{place}: {answered}");
            answered["result"].take()
        }
    }

    /// The result of a tool.
    #[track_caller]
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> impl Future<Output = Value> + '_ {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// What a tool gives, which does not fail.
    #[track_caller]
    pub(crate) fn output(&self, tool: &str, arguments: Value) -> impl Future<Output = Value> + '_ {
        let called = self.call(tool, arguments);
        async move {
            let mut result = called.await;
            assert_ne!(result["isError"], true, "{result}");
            result["structuredContent"].take()
        }
    }

    /// The problem with which a tool fails.
    #[track_caller]
    pub(crate) fn problem(&self, tool: &str, arguments: Value) -> impl Future<Output = Value> + '_ {
        let called = self.call(tool, arguments);
        async move {
            let mut result = called.await;
            assert_eq!(result["isError"], true, "{result}");
            let text = result["content"][0]["text"].as_str().expect("a text");
            assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), result["structuredContent"]);
            result["structuredContent"].take()
        }
    }

    pub(crate) async fn cancel(&self, id: &Value) {
        let params = json!({ "requestId": id, "reason": "enough" });
        let answer = self
            .send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }))
            .await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }

    /// The names of the tools.
    pub(crate) async fn tools(&self) -> Vec<String> {
        let listed = self.ask("tools/list", json!({})).await;
        let names = listed["tools"].as_array().expect("tools").iter().map(|tool| tool["name"].as_str());
        names.map(|name| name.expect("a name").to_owned()).collect()
    }
}

/// Checks that a POST was refused with this status, by an error of the protocol that has the problem as its data.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/json", "{answer:?}");
    let error = &answer.json()["error"];
    assert_eq!(error["data"]["code"], code, "{answer:?}");
    assert_eq!(
        error["data"]["requestId"].as_str(),
        answer.headers["x-request-id"].to_str().ok(),
        "{answer:?}"
    );
    assert!(error["code"].is_i64() && error["message"].is_string(), "{answer:?}");
}

/// The messages of an answer, whole or streamed.
pub(crate) fn messages(body: &str) -> Vec<Value> {
    if let Ok(message) = serde_json::from_str(body) {
        return vec![message];
    }
    let data = body.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

/// An answer that is read event by event.
pub(crate) struct Events {
    body: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    read: String,
}

impl Events {
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: Box::pin(response.bytes_stream()), read: String::new() }
    }

    /// The next event: its id and its message. `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(Option<String>, Value)> {
        loop {
            while let Some((frame, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = frame.lines().filter_map(|line| line.strip_prefix(name));
                    lines.next().map(|value| value.trim().to_owned())
                };
                let (id, data) = (field("id:"), field("data:"));
                self.read = rest.to_owned();
                match data {
                    Some(data) if !data.is_empty() => {
                        return Some((id, serde_json::from_str(&data).expect("JSON")));
                    }
                    Some(_) => return Some((id, Value::Null)),
                    None => {}
                }
            }
            let bytes = tokio::time::timeout(std::time::Duration::from_secs(30), self.body.next());
            let bytes = bytes.await.expect("an event in time")?.ok()?;
            self.read.push_str(std::str::from_utf8(&bytes).expect("UTF-8"));
        }
    }
}
