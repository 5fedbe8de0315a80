//! The one endpoint that serves every declared route.

use std::{net::IpAddr, sync::Arc};

use alkhub_core::{
    CallError, Descriptor, Engine, Kind,
    call::Transport,
    engine::{Answer, Request as CallRequest},
    once::IdempotencyKey,
    rate::Notes,
    registry::Entry,
    trace::TraceContext,
};
use bytes::Bytes;
use poem::{
    Endpoint, Request, Response,
    http::{HeaderMap, HeaderValue, Method, header},
};
use uuid::Uuid;

use super::{HttpState, auth, bind::Binding, compress::Compressible, front::RequestId, problem, sse, told};

/// A declared route.
pub(super) struct OperationEndpoint {
    state: HttpState,
    entry: Arc<Entry>,
    binding: Binding,
    resumable: bool,
}

impl OperationEndpoint {
    /// The endpoint of an operation; `None` where nothing serves the operation.
    #[must_use]
    pub(super) fn new(state: HttpState, descriptor: &Descriptor, method: &Method) -> Option<Self> {
        let entry = state.engine.registry().get(descriptor.id)?;
        Some(Self {
            binding: Binding::new(descriptor, method),
            resumable: sse::is_resumable(descriptor),
            state,
            entry,
        })
    }

    async fn serve(
        &self,
        request: &mut Request,
        id: Uuid,
        origin: Option<IpAddr>,
        notes: &Arc<Notes>,
    ) -> Result<Response, CallError> {
        let caller = auth::identify(request.headers(), &self.state.keys).await?;
        // Before the body is read: who may not call need not be listened to.
        self.entry.access().check(self.entry.id(), caller.as_deref())?;
        let key = idempotency_key(request.headers())?;
        let limits = self.state.config.load().limits.clone();
        let input = self.binding.read(request, &limits).await?;
        let mut call = CallRequest::with_id(id, input, caller, Transport::Http);
        (call.key, call.origin, call.notes) = (key, origin, Some(notes.clone()));
        call.trace = request
            .headers()
            .get("traceparent")
            .and_then(|value| value.to_str().ok())
            .and_then(TraceContext::parse);
        if let Some(session) = request.headers().get(SESSION_HEADER).and_then(|value| value.to_str().ok()) {
            call.metadata.insert(crate::calls::SESSION.to_owned(), session.into());
        }
        let answer = self.state.engine.dispatch(self.entry.clone(), call).await?;
        Ok(match answer {
            Answer::Once(output) => json(output.into_data()),
            Answer::Stream(items) => {
                let keep_alive = limits.subscription_keep_alive;
                sse::response(items, id, &self.state.stopping, keep_alive, self.resumable)
            }
        })
    }
}

/// The session that a request says it is of.
const SESSION_HEADER: &str = "x-alkhub-session";

/// A JSON answer.
#[must_use]
pub(super) fn json(output: Bytes) -> Response {
    let length = output.len();
    let mut response = Response::builder().body(output);
    // The builder's own way would parse it each time.
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.extensions_mut().insert(Compressible(length));
    response
}

impl Endpoint for OperationEndpoint {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let id = request.extensions().get::<RequestId>().map_or_else(Uuid::now_v7, |id| id.0);
        let origin = told::origin(&request, self.state.config.load().rate.proxies);
        let notes = Arc::new(Notes::default());
        let mut response = match self.serve(&mut request, id, origin, &notes).await {
            Ok(response) => response,
            Err(error) => {
                let error = refused(&self.state.engine, error, origin, &notes).await;
                log_refusal(self.entry.id(), self.entry.kind(), id, &error);
                problem::response(&error, id)
            }
        };
        told::apply(&mut response, &notes);
        Ok(response)
    }
}

/// The key under which the client may repeat the request.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, CallError> {
    let mut values = headers.get_all("idempotency-key").into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(CallError::bad_request("Idempotency-Key is given more than once."));
    }
    IdempotencyKey::from_header(value.to_str().unwrap_or_default()).map(Some)
}

/// Who shows no valid credentials too often is answered that instead.
pub(crate) async fn refused(
    engine: &Engine,
    error: CallError,
    origin: Option<IpAddr>,
    notes: &Notes,
) -> CallError {
    if !error.unauthenticated {
        return error;
    }
    engine.count_refused(origin, Some(notes)).await.err().unwrap_or(error)
}

fn log_refusal(operation: &str, kind: Kind, request_id: Uuid, error: &CallError) {
    let (status, code) = (error.status(), &*error.code);
    if status >= 500 {
        tracing::warn!(operation, kind = kind.as_str(), %request_id, status, code, "call answered with an error");
    } else {
        tracing::debug!(operation, kind = kind.as_str(), %request_id, status, code, "call refused");
    }
}
