//! A scripted HTTP service, and hubs that may reach it.

use std::sync::Arc;

use alkhub::config::Config;
use parking_lot::Mutex;
use poem::{
    Endpoint, Request, Response, Server,
    listener::{Acceptor, Listener, TcpListener},
};
use serde_json::{Value, json};

use crate::support::hub::{Answer, TestHub};

/// A request as the service got it.
#[derive(Clone, Debug, Default)]
pub(in crate::imports) struct Seen {
    pub(in crate::imports) method: String,
    pub(in crate::imports) target: String,
    pub(in crate::imports) headers: Vec<(String, String)>,
    pub(in crate::imports) body: Vec<u8>,
}

impl Seen {
    pub(in crate::imports) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(in crate::imports) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }
}

type Script = Box<dyn Fn(&Seen) -> Response + Send + Sync>;

struct Scripted {
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Endpoint for Scripted {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let headers = request.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let seen = Seen {
            method: request.method().to_string(),
            target: request.original_uri().to_string(),
            headers: headers.collect(),
            body: request.take_body().into_vec().await?,
        };
        let response = (self.script)(&seen);
        self.seen.lock().push(seen);
        Ok(response)
    }
}

/// A service that runs until it is dropped.
pub(in crate::imports) struct Service {
    pub(in crate::imports) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Service {
    pub(in crate::imports) async fn start(
        script: impl Fn(&Seen) -> Response + Send + Sync + 'static,
    ) -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.expect("a port");
        let address = acceptor.local_addr()[0].as_socket_addr().copied().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let endpoint = Scripted { script: Box::new(script), seen: seen.clone() };
        let task = tokio::spawn(async move {
            let _ = Server::new_with_acceptor(acceptor).run(endpoint).await;
        });
        Self { url: format!("http://{address}"), seen, task }
    }

    /// A service that says yes to everything.
    pub(in crate::imports) async fn yes() -> Self {
        Self::start(|_| reply("application/json", "{\"ok\":true}")).await
    }

    /// What it got last.
    pub(in crate::imports) fn last(&self) -> Seen {
        self.seen.lock().last().cloned().unwrap_or_default()
    }

    pub(in crate::imports) fn count(&self) -> usize {
        self.seen.lock().len()
    }

    /// A document of this service with one operation for each path.
    pub(in crate::imports) fn document(&self, paths: Value) -> Value {
        json!({
            "openapi": "3.1.0", "info": { "title": "Service", "version": "1.0" },
            "servers": [{ "url": self.url }], "paths": paths,
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(in crate::imports) fn reply(content_type: &str, body: impl Into<poem::Body>) -> Response {
    Response::builder().content_type(content_type).body(body)
}

/// Lets the hub reach this machine.
pub(in crate::imports) fn open(config: &mut Config) {
    config.outbound.allow = vec!["127.0.0.1".parse().expect("an address")];
    config.secrets.master_key = Some("a master key for tests alone, long enough".to_owned().into());
}

/// Imports a document under a name, with more of the input.
pub(in crate::imports) async fn add(hub: &TestHub, name: &str, document: Value, more: Value) -> Value {
    let mut input = json!({ "name": name, "document": document });
    for (key, value) in more.as_object().expect("an object") {
        input[key] = value.clone();
    }
    let added = hub.post("/api/openapi", input).await.ok();
    assert_eq!(added["status"]["phase"], "ready", "{added}");
    added
}

/// Calls an operation by the gateway.
pub(in crate::imports) async fn call(hub: &TestHub, id: &str, input: Value) -> Answer {
    hub.post("/api/call", json!({ "operationId": id, "input": input })).await
}
