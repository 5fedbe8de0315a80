//! A server that does what the test says, in the old revision of the protocol or in the new one.

use std::{
    borrow::Cow,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, ListToolsResult,
        PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion, ServerCapabilities, ServerConfig,
        SubscriptionFilter, Tool,
    },
    service::{RequestContext, SubscriptionContext},
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::{Semaphore, watch},
};

/// The revision that the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// 2025-11-25, with sessions.
    Old,
    /// 2026-07-28, without.
    New,
}

pub(super) const BOTH: [Speaks; 2] = [Speaks::Old, Speaks::New];

/// What the test and the server share.
pub(super) struct Script {
    speaks: Speaks,
    tools: Mutex<Vec<Value>>,
    /// Grows with each change.
    version: watch::Sender<u64>,
    /// Calls of `wait` that run, and those that were cancelled.
    pub(super) waiting: AtomicUsize,
    pub(super) cancelled: AtomicUsize,
    /// `steps` takes one after each step.
    pub(super) steps: Semaphore,
    /// How often the tools were asked for, and how many a page has.
    pub(super) listed: AtomicUsize,
    page: usize,
    /// Headers of the last request.
    headers: Mutex<Option<http::HeaderMap>>,
}

/// The server. It is gone when it is dropped.
pub(super) struct Scripted {
    pub(super) script: Arc<Script>,
    pub(super) address: SocketAddr,
    /// Its own: with it all connections are cut, as when a process is killed.
    runtime: Option<Runtime>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The tools that every scripted server has.
pub(super) fn usual() -> Vec<Value> {
    let object = json!({ "type": "object" });
    vec![
        json!({ "name": "echo", "description": "Gives back.", "inputSchema": {
            "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] } }),
        json!({ "name": "add.two", "title": "Addition", "description": "Adds.", "inputSchema": {
            "type": "object", "properties": { "a": { "type": "number" }, "b": { "type": "number" } } },
            "outputSchema": { "type": "object", "properties": {
                "sum": { "type": "number" }, "unit": { "type": "string", "default": "none" } } },
            "annotations": { "readOnlyHint": true, "idempotentHint": true } }),
        json!({ "name": "blocks", "description": "All kinds of blocks.", "inputSchema": object }),
        json!({ "name": "fail", "description": "Fails.", "inputSchema": object }),
        json!({ "name": "refuse", "description": "Is refused.", "inputSchema": object }),
        json!({ "name": "wait", "description": "Waits to be cancelled.", "inputSchema": object }),
        json!({ "name": "steps", "description": "Tells of two steps and waits.", "inputSchema": object }),
        json!({ "name": "large", "description": "Answers with so many bytes.", "inputSchema": {
            "type": "object", "properties": { "bytes": { "type": "integer" } } } }),
    ]
}

impl Scripted {
    pub(super) async fn start(speaks: Speaks) -> Self {
        Self::start_at(speaks, ([127, 0, 0, 1], 0).into(), usual(), 100).await
    }

    /// Also as one that comes back: at an address of before.
    pub(super) async fn start_at(
        speaks: Speaks,
        address: SocketAddr,
        tools: Vec<Value>,
        page: usize,
    ) -> Self {
        let script = Arc::new(Script {
            speaks,
            tools: Mutex::new(tools),
            version: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            steps: Semaphore::new(0),
            listed: AtomicUsize::new(0),
            page,
            headers: Mutex::new(None),
        });
        let config = StreamableHttpServerConfig::default();
        let serving = script.clone();
        let service: StreamableHttpService<Handler, LocalSessionManager> =
            StreamableHttpService::new(move || Ok(Handler(serving.clone())), Default::default(), config);
        let router = axum::Router::new().nest_service("/mcp", service);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        // The one before at the same address may still be about to go.
        let listener = loop {
            match runtime.spawn(TcpListener::bind(address)).await.expect("bound") {
                Ok(listener) => break listener,
                Err(error) if address.port() != 0 && error.kind() == std::io::ErrorKind::AddrInUse => {
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { script, address, runtime: Some(runtime) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Changes the tools and tells everybody.
    pub(super) fn change(&self, change: impl FnOnce(&mut Vec<Value>)) {
        change(&mut self.script.tools.lock());
        self.script.version.send_modify(|version| *version += 1);
    }

    /// A header of the last request.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let headers = self.script.headers.lock();
        Some(headers.as_ref()?.get(name)?.to_str().expect("text").to_owned())
    }
}

impl Script {
    /// Changes the tools and tells nobody.
    pub(super) fn change_quietly(&self, change: impl FnOnce(&mut Vec<Value>)) {
        change(&mut self.tools.lock());
    }
}

struct Handler(Arc<Script>);

impl ServerHandler for Handler {
    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        match self.0.speaks {
            Speaks::Old => Cow::Borrowed(&[ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25]),
            Speaks::New => Cow::Borrowed(&[ProtocolVersion::V_2026_07_28]),
        }
    }

    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("scripted", "1.2.3"))
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut version = self.0.version.subscribe();
        loop {
            tokio::select! {
                () = context.cancelled() => break,
                changed = version.changed() => if changed.is_err() { break },
            }
            if context.sink().notify_tool_list_changed().await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn on_initialized(&self, context: rmcp::service::NotificationContext<RoleServer>) {
        let mut version = self.0.version.subscribe();
        tokio::spawn(async move {
            while version.changed().await.is_ok() && context.peer.notify_tool_list_changed().await.is_ok() {}
        });
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if let Some(parts) = context.extensions.get::<http::request::Parts>() {
            *self.0.headers.lock() = Some(parts.headers.clone());
        }
        self.0.listed.fetch_add(1, Ordering::SeqCst);
        let begin = request.and_then(|request| request.cursor?.parse().ok()).unwrap_or(0);
        let tools = self.0.tools.lock();
        let page = tools.iter().skip(begin).take(self.0.page);
        let page: Vec<Tool> =
            page.map(|tool| serde_json::from_value(tool.clone()).expect("a tool")).collect();
        let end = begin + page.len();
        let mut result = ListToolsResult::with_all_items(page);
        result.next_cursor = (end < tools.len()).then(|| end.to_string());
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let result = match &*request.name {
            "echo" => json!({ "content": [{ "type": "text", "text": arguments["text"] }] }),
            "add.two" => {
                let sum = arguments["a"].as_f64().unwrap_or(0.0) + arguments["b"].as_f64().unwrap_or(0.0);
                json!({ "content": [{ "type": "text", "text": sum.to_string() }], "structuredContent": { "sum": sum } })
            }
            "blocks" => json!({ "content": blocks(), "_meta": { "x": 1 } }),
            "fail" => json!({ "isError": true, "content": [
                { "type": "text", "text": "one" }, { "type": "text", "text": "two" }] }),
            "wait" => {
                self.0.waiting.fetch_add(1, Ordering::SeqCst);
                context.ct.cancelled().await;
                self.0.cancelled.fetch_add(1, Ordering::SeqCst);
                json!({ "content": [] })
            }
            "steps" => {
                let token = context.meta.get_progress_token().expect("the hub asks for progress");
                for step in 1..=2 {
                    let mut told =
                        ProgressNotificationParam::new(token.clone(), f64::from(step)).with_total(2.0);
                    told.message = Some(format!("step {step}"));
                    context.peer.notify_progress(told).await.expect("told");
                    self.0.steps.acquire().await.expect("open").forget();
                }
                json!({ "content": [{ "type": "text", "text": "done" }] })
            }
            "large" => {
                let bytes = usize::try_from(arguments["bytes"].as_u64().unwrap_or(0)).expect("a size");
                json!({ "content": [{ "type": "text", "text": "x".repeat(bytes) }] })
            }
            other => {
                return Err(ErrorData::invalid_params(format!("no tool {other} here"), None));
            }
        };
        let result: CallToolResult = serde_json::from_value(result).expect("a result");
        Ok(CallToolResponse::Complete(result))
    }
}

/// A block of each kind.
pub(super) fn blocks() -> Value {
    json!([
        { "type": "text", "text": "t", "annotations": { "audience": ["user"], "priority": 0.5 } },
        { "type": "image", "data": "AA==", "mimeType": "image/png" },
        { "type": "audio", "data": "AA==", "mimeType": "audio/wav" },
        { "type": "resource", "resource": { "uri": "a://b", "mimeType": "text/plain", "text": "r" } },
        { "type": "resource_link", "uri": "a://c", "name": "c", "description": "d", "mimeType": "e/f" },
    ])
}
