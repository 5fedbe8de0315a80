//! `/mcp`: who it is and whether it may come from there, then whatever its message asks for.

use std::sync::Arc;

use alkhub_core::{CallError, Identity, error::codes, rate::Notes, trace::TraceContext};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use poem::{IntoResponse, Request, Response};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    REVISIONS, STATELESS, answer,
    context::Context,
    guard::Guard,
    metadata,
    peek::{self, Body, Message},
    plain,
    relay::Relay,
    running::{Name, Runs},
    server::Server,
    session::{self, Nonce},
    standing::{Standing, event_stream},
    streams::{Reader, Streams},
    tools::Tools,
};
use crate::transport::http::{
    HttpState, bearer, endpoint::refused, identify, problem, read_json, request_id, told,
};

/// Most messages of a batch, and how many of them are served at once.
const BATCH: usize = 50;
const SIDE_BY_SIDE: usize = 8;

type Service = StreamableHttpService<Server, NeverSessionManager>;

/// Serves MCP.
pub struct Endpoint {
    state: HttpState,
    guard: Guard,
    runs: Runs,
    streams: Streams,
    relay: Relay,
    standing: Standing,
    server: Server,
    settings: StreamableHttpServerConfig,
    service: Service,
}

/// Who sent a request.
struct Sender {
    caller: Arc<Identity>,
    /// Of revisions that have sessions.
    session: Option<Nonce>,
    /// It says a revision without sessions.
    stateless: bool,
}

/// What of an HTTP request is handed around.
struct Asked<'a> {
    headers: &'a HeaderMap,
    uri: &'a Uri,
    id: Uuid,
    origin: Option<std::net::IpAddr>,
    notes: &'a Arc<Notes>,
}

impl Endpoint {
    /// Of this hub; hears other processes in tasks that end with `stop`.
    pub async fn start(state: HttpState, node: &str, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        let config = state.config.load();
        let mcp = &config.mcp;
        let places = Arc::new(Semaphore::new(mcp.streams.min(Semaphore::MAX_PERMITS)));
        let (runs, streams) = (Runs::default(), Streams::new(node, mcp.resume_for, mcp.resume_bytes));
        let relay = Relay::start(state.bus.clone(), runs.clone(), streams.clone(), tasks, stop).await;
        let tools = Tools::new(state.engine.clone(), state.config.clone());
        // Names, origins and sizes are looked at before rmcp sees a request.
        let settings = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_sse_keep_alive(Some(config.limits.subscription_keep_alive))
            .with_sse_retry(None)
            .with_max_request_body_bytes(usize::MAX);
        let server = Server { state: state.clone(), tools: tools.clone(), places: places.clone() };
        let service = service(&server, NeverSessionManager::default(), &settings);
        let standing = Standing { state: state.clone(), tools, relay: relay.clone(), places };
        let guard = Guard::new(&config);
        Self { state, guard, runs, streams, relay, standing, server, settings, service }
    }

    async fn serve(
        &self,
        request: &mut Request,
        id: Uuid,
        notes: &Arc<Notes>,
    ) -> Result<Response, CallError> {
        self.guard.check(request.uri(), request.headers(), &self.state.config.load().cors.allowed_origins)?;
        let method = request.method().clone();
        let sender = self.sender(request.headers()).await?;
        let (headers, uri) = (request.headers().clone(), request.uri().clone());
        let origin = told::origin(request, self.state.config.load().rate.proxies);
        let asked = Asked { headers: &headers, uri: &uri, id, origin, notes };
        match method {
            Method::POST => {
                let limits = self.state.config.load().limits.clone();
                let body = read_json(request, &limits).await?;
                let body = body.ok_or_else(|| {
                    CallError::bad_request("The body is empty; it must be a JSON-RPC message.")
                })?;
                self.post(&asked, sender, body).await
            }
            Method::GET if !sender.stateless => {
                self.state.engine.count_request(&sender.caller, "mcp.stream", Some(notes)).await?;
                self.standing.serve(&headers, &sender.caller, sender.session).await
            }
            Method::DELETE if !sender.stateless => {
                if let Some(session) = sender.session {
                    self.relay.end(&sender.caller.id, session).await;
                }
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            method => {
                let allowed = if sender.stateless { "POST" } else { "DELETE, GET, POST" };
                let message = format!("{method} is not served here; allowed: {allowed}.");
                let mut response = problem::response(&CallError::new(codes::METHOD_NOT_ALLOWED, message), id);
                response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allowed));
                Ok(response)
            }
        }
    }

    /// Whose key it is, and which of its sessions.
    async fn sender(&self, headers: &HeaderMap) -> Result<Sender, CallError> {
        let Some(caller) = identify(headers, &self.state.keys).await? else {
            let mut error = CallError::new(
                codes::ACCESS_DENIED,
                "A key is needed: the header `Authorization: Bearer alk_<id>_<secret>`.",
            );
            error.unauthenticated = true;
            return Err(error);
        };
        let stateless = match headers.get("mcp-protocol-version").map(HeaderValue::to_str) {
            Some(Ok(version)) => version >= STATELESS,
            _ => false,
        };
        let session = match headers.get("mcp-session-id").filter(|_| !stateless) {
            None => None,
            Some(given) => {
                let given = given.to_str().unwrap_or_default();
                let known = session::verify(given, bearer(headers).unwrap_or_default());
                let known = known.filter(|session| !self.relay.ended().has(session));
                Some(known.ok_or_else(|| {
                    CallError::new(
                        codes::NOT_FOUND,
                        "There is no such session of this key; begin one with `initialize`.",
                    )
                })?)
            }
        };
        Ok(Sender { caller, session, stateless })
    }

    async fn post(&self, asked: &Asked<'_>, sender: Sender, body: Bytes) -> Result<Response, CallError> {
        match peek::read(&body, self.state.config.load().limits.json_depth) {
            Err(error) => {
                let code = if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() {
                    -32700
                } else {
                    -32600
                };
                Ok(answer::error(None, code, &error, asked.id))
            }
            Ok(Body::Many(messages)) => self.batch(asked, sender, &messages).await,
            Ok(Body::One(message)) if message.is_request() => {
                self.request(asked, sender, &message, body.clone()).await
            }
            Ok(Body::One(message)) => {
                self.note(&sender, &message).await?;
                Ok(StatusCode::ACCEPTED.into_response())
            }
        }
    }

    /// A notification. What it announces of the client, the hub need not know; what it cancels, it must.
    async fn note(&self, sender: &Sender, message: &Message<'_>) -> Result<(), CallError> {
        if message.method.is_none() {
            return Err(CallError::bad_request(
                "The message answers nothing: the hub has asked this client for nothing.",
            ));
        }
        if let (true, Some(session), Some(id)) =
            (message.is("notifications/cancelled"), sender.session, message.cancels())
        {
            self.relay.cancel(Name { key: sender.caller.id.clone(), session, id }).await;
        }
        Ok(())
    }

    async fn request(
        &self,
        asked: &Asked<'_>,
        sender: Sender,
        message: &Message<'_>,
        body: Bytes,
    ) -> Result<Response, CallError> {
        let cx = match self.admit(asked, &sender, message).await {
            Ok(cx) => cx,
            Err(error) if error.code == codes::BAD_REQUEST => {
                return Ok(answer::error(message.id, -32600, &error, asked.id));
            }
            Err(error) => return Err(error),
        };
        if sender.session.is_some()
            && let Some(call) = plain::read(asked.headers, message)
            && let Some(answer) = plain::serve(&self.server.tools, &cx, call).await
        {
            return answer;
        }
        let request = answer::request(asked.headers, asked.uri, body, cx.clone());
        let resumable = sender.session.filter(|_| message.is("tools/call") && message.wants_progress());
        let (foreign, reader) = match resumable {
            None => (self.service.handle(request).await, None),
            Some(session) => {
                let writer = self.streams.open(&sender.caller.id, session, cx.cancel.clone());
                let reader = self.streams.reader(writer.kept().clone());
                let manager = NeverSessionManager::default().with_event_store(writer);
                (service(&self.server, manager, &self.settings).handle(request).await, Some(reader))
            }
        };
        Ok(match answer::whole(foreign, asked.id).await {
            Ok(response) if message.is("initialize") => with_session(response, asked.headers).await,
            Ok(response) => response,
            Err(frames) => event_stream(Held { frames: answer::frames(frames).boxed(), _reader: reader }),
        })
    }

    /// Counts a request that is not counted as a call, and notes it among those that run.
    async fn admit(
        &self,
        asked: &Asked<'_>,
        sender: &Sender,
        message: &Message<'_>,
    ) -> Result<Arc<Context>, CallError> {
        let method = message.method.as_deref().unwrap_or_default();
        if !matches!(method, "tools/call" | "resources/read") {
            let known =
                ["initialize", "ping", "tools/list", "resources/list", "prompts/list", "server/discover"];
            let name = known.iter().find(|known| **known == method).map_or("mcp.other", |_| "mcp.list");
            self.state.engine.count_request(&sender.caller, name, Some(asked.notes)).await?;
        }
        let cancel = CancellationToken::new();
        let name = sender.session.zip(message.id).map(|(session, id)| Name {
            key: sender.caller.id.clone(),
            session,
            id: id.get().to_owned(),
        });
        let running = match name {
            None => None,
            Some(name) => Some(self.runs.enter(name, cancel.clone()).ok_or_else(|| {
                CallError::bad_request(
                    "A request of this id runs already in this session; each needs an id of its own.",
                )
            })?),
        };
        let traceparent = asked.headers.get("traceparent").and_then(|value| value.to_str().ok());
        Ok(Arc::new(Context {
            caller: sender.caller.clone(),
            request_id: asked.id,
            origin: asked.origin,
            trace: traceparent.and_then(TraceContext::parse),
            notes: asked.notes.clone(),
            cancel,
            _running: running,
        }))
    }

    /// Several messages at once, as the revision 2025-03-26 has them; answered as a whole.
    async fn batch(
        &self,
        asked: &Asked<'_>,
        sender: Sender,
        messages: &[&RawValue],
    ) -> Result<Response, CallError> {
        let version = asked.headers.get("mcp-protocol-version");
        if version.is_some_and(|version| version != REVISIONS[0])
            || messages.is_empty()
            || messages.len() > BATCH
        {
            let error = CallError::bad_request(format!(
                "A batch is 1 to {BATCH} messages, and only the revision {} has it; send each message by itself.",
                REVISIONS[0]
            ));
            return Ok(answer::error(None, -32600, &error, asked.id));
        }
        let one = async |text: &&RawValue| -> Result<Option<serde_json::Value>, CallError> {
            let message = peek::message(text.get().as_bytes())?;
            if !message.is_request() {
                return self.note(&sender, &message).await.map(|()| None);
            }
            if message.is("initialize") {
                return Err(CallError::bad_request("`initialize` must not be part of a batch."));
            }
            let cx = self.admit(asked, &sender, &message).await?;
            let body = Bytes::copy_from_slice(text.get().as_bytes());
            let request = answer::request(asked.headers, asked.uri, body, cx);
            Ok(answer::message(self.service.handle(request).await).await)
        };
        let answers = stream::iter(messages).map(one).buffered(SIDE_BY_SIDE).collect::<Vec<_>>().await;
        let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let answers: Vec<_> = answers.into_iter().flatten().collect();
        if answers.is_empty() {
            return Ok(StatusCode::ACCEPTED.into_response());
        }
        Ok(Response::builder()
            .content_type("application/json")
            .body(serde_json::to_vec(&answers).map_err(|error| CallError::internal(&error))?))
    }
}

fn service(server: &Server, manager: NeverSessionManager, settings: &StreamableHttpServerConfig) -> Service {
    let server = server.clone();
    StreamableHttpService::new(move || Ok(server.clone()), Arc::new(manager), settings.clone())
}

/// Gives a client that was let in a session.
async fn with_session(mut response: Response, headers: &HeaderMap) -> Response {
    let Ok(body) = response.take_body().into_bytes().await else { return response };
    if answer::is_result(&body)
        && let Ok(id) = HeaderValue::from_str(&session::begin(bearer(headers).unwrap_or_default()))
    {
        response.headers_mut().insert("mcp-session-id", id);
    }
    response.set_body(body);
    response
}

/// A streamed answer, and the place of its reader.
struct Held {
    frames: stream::BoxStream<'static, Bytes>,
    _reader: Option<Reader>,
}

impl futures::Stream for Held {
    type Item = Bytes;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Bytes>> {
        self.frames.poll_next_unpin(cx)
    }
}

impl poem::Endpoint for Endpoint {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let id = request_id(&request);
        let notes = Arc::new(Notes::default());
        let mut response = match Box::pin(self.serve(&mut request, id, &notes)).await {
            Ok(response) => response,
            Err(error) => {
                let origin = told::origin(&request, self.state.config.load().rate.proxies);
                let error = refused(&self.state.engine, error, origin, &notes).await;
                // Clients show what an error of the protocol says, and of anything else the status alone.
                let mut response = match *request.method() {
                    Method::POST => {
                        answer::error(None, if error.status() < 500 { -32600 } else { -32603 }, &error, id)
                    }
                    _ => problem::response(&error, id),
                };
                let base = metadata::base(&self.state.config.load(), request.uri(), request.headers());
                metadata::challenge(&mut response, &base, &error);
                response
            }
        };
        told::apply(&mut response, &notes);
        Ok(response)
    }
}
