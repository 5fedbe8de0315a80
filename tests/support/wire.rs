//! A peer of the call protocol that does exactly what a test says: every message is written and read by hand.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

use super::hub::{ADMIN, Answer, TestHub};

/// Longest that a test waits for a message; a loaded machine needs time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
pub(crate) struct Wire {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Wire {
    /// Connects with the admin key.
    pub(crate) async fn connect(hub: &TestHub) -> Self {
        Self::connect_as(hub, ADMIN).await
    }

    pub(crate) async fn connect_as(hub: &TestHub, key: &str) -> Self {
        Self::try_connect(&hub.url, key).await.expect("connected")
    }

    pub(crate) async fn try_connect(url: &str, key: &str) -> Result<Self, Error> {
        let mut request =
            format!("{}/ws", url.replace("http", "ws")).into_client_request().expect("an address");
        let bearer = HeaderValue::from_str(&format!("Bearer {key}")).expect("a header");
        request.headers_mut().insert("authorization", bearer);
        let (socket, _) = Box::pin(connect_async(request)).await?;
        Ok(Self { socket })
    }

    /// Connects and registers these operations.
    pub(crate) async fn spoke(hub: &TestHub, key: &str, id: &str, operations: &[Value]) -> Self {
        let mut wire = Self::connect_as(hub, key).await;
        let welcome = wire.register(id, operations).await;
        assert_eq!(welcome["rejected"], json!([]), "{welcome}");
        wire
    }

    pub(crate) async fn register(&mut self, id: &str, operations: &[Value]) -> Value {
        let input = json!({ "spokeId": id, "spokeType": "dev", "operations": operations });
        self.request("register", "hub.register", input).await;
        let answer = self.next().await;
        assert_eq!(answer["type"], "call.responded", "{answer}");
        answer["payload"]["output"]["data"].clone()
    }

    pub(crate) async fn send(&mut self, kind: &str, payload: Value) {
        let text = json!({ "type": kind, "id": "", "payload": payload }).to_string();
        self.socket.send(Message::text(text)).await.expect("sent");
    }

    /// `call.requested`
    pub(crate) async fn request(&mut self, id: &str, operation: &str, input: Value) {
        let payload = json!({ "requestId": id, "operationId": operation, "input": input });
        self.send("call.requested", payload).await;
    }

    /// `call.responded` with a local envelope.
    pub(crate) async fn respond(&mut self, id: &Value, data: Value) {
        let output =
            json!({ "data": data, "meta": { "source": "local", "operationId": "x.y", "timestamp": 1 } });
        self.send("call.responded", json!({ "requestId": id, "output": output })).await;
    }

    /// Calls and waits for the answer, whose payload it gives.
    pub(crate) async fn call(&mut self, id: &str, operation: &str, input: Value) -> Value {
        self.request(id, operation, input).await;
        let answer = self.next().await;
        assert_eq!(answer["payload"]["requestId"], id, "{answer}");
        answer
    }

    /// The next message, which must come.
    #[track_caller]
    pub(crate) fn next(&mut self) -> impl Future<Output = Value> + '_ {
        let place = std::panic::Location::caller();
        async move { self.try_next().await.unwrap_or_else(|| panic!("{place}: the connection ended")) }
    }

    /// The next message; `None` at the end of the connection.
    pub(crate) async fn try_next(&mut self) -> Option<Value> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
            match frame? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON")),
                Ok(Message::Binary(data)) => return Some(serde_json::from_slice(&data).expect("JSON")),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Makes sure that the connection goes on, whatever comes before the answer.
    pub(crate) async fn expect_open(&mut self) {
        self.request("open?", "kit.live", json!({})).await;
        while self.next().await["payload"]["requestId"] != "open?" {}
    }

    /// Reads to the end of the connection; the code of its close frame, if there was one.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("an end in time");
            match frame {
                Some(Ok(Message::Close(close))) => return close.map(|close| close.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next message, checked to be of this type.
    #[track_caller]
    pub(crate) fn expect<'a>(&'a mut self, kind: &'a str) -> impl Future<Output = Value> + 'a {
        let next = self.next();
        async move {
            let message = next.await;
            assert_eq!(message["type"], kind, "{message}");
            message["payload"].clone()
        }
    }
}

/// An operation that takes and gives anything, open to whoever has a key.
pub(crate) fn operation(namespace: &str, name: &str, kind: &str) -> Value {
    json!({
        "namespace": namespace, "name": name, "version": "1.0.0", "type": kind, "description": "For a test.",
        "inputSchema": { "type": "object" }, "outputSchema": {}, "accessControl": { "requiredScopes": [] },
    })
}

/// A call over HTTP that goes on while the test plays the spoke.
pub(crate) fn asking(hub: &TestHub, operation: &str, input: &Value) -> JoinHandle<Answer> {
    gateway(hub, "/api/call", operation, input)
}

/// A subscription over HTTP, read to its end while the test plays the spoke.
pub(crate) fn streaming(hub: &TestHub, operation: &str, input: &Value) -> JoinHandle<Answer> {
    gateway(hub, "/api/subscribe", operation, input)
}

fn gateway(hub: &TestHub, path: &str, operation: &str, input: &Value) -> JoinHandle<Answer> {
    let body = json!({ "operationId": operation, "input": input });
    let request = hub.request(reqwest::Method::POST, path).json(&body);
    tokio::spawn(Answer::of(request))
}

/// The data of server-sent events, with the name of each.
pub(crate) fn events(body: &str) -> Vec<(String, Value)> {
    body.split("\n\n")
        .filter(|frame| frame.contains("data:"))
        .map(|frame| {
            let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let data = serde_json::from_str(field("data:").expect("data")).expect("JSON");
            (field("event:").unwrap_or("message").to_owned(), data)
        })
        .collect()
}
