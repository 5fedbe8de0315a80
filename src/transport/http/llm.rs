//! `/v1`: requests to language models in the dialects of OpenAI and Anthropic. Each is a call of a declared operation,
//! whose body passes through as it is; errors are in the caller's dialect.

use std::sync::Arc;

use alkhub_core::{
    CallError, Kind,
    call::Transport,
    engine::{Answer, Output, Request as CallRequest},
    operation::ItemStream,
    rate::Notes,
    registry::Entry,
    trace::TraceContext,
};
use bytes::Bytes;
use futures::StreamExt;
use poem::{
    Body, Endpoint, Request, Response, Route,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{HttpState, auth, body, endpoint::refused, front::Plain, request_id, told};
use crate::llm::{
    Exchange, Told,
    dialect::{Dialect, error_body, error_event},
    fault_of,
};

/// Adds the routes.
pub(super) fn routes(pages: Route, state: &HttpState) -> Route {
    let mut pages = pages;
    for (path, operation, dialect) in [
        ("/v1/chat/completions", "llm.chat", Dialect::Chat),
        ("/v1/responses", "llm.respond", Dialect::Responses),
        ("/v1/embeddings", "llm.embed", Dialect::Embeddings),
        ("/v1/messages", "llm.message", Dialect::Messages),
        ("/v1/messages/count_tokens", "llm.message", Dialect::CountTokens),
    ] {
        if let Some(entry) = state.engine.registry().get(operation) {
            pages = pages.at(path, poem::post(Proxy { state: state.clone(), entry, dialect }));
        }
    }
    if let Some(entry) = state.engine.registry().get("model.list") {
        let models = Arc::new(Models { state: state.clone(), entry });
        // Names of models have slashes.
        pages = pages.at("/v1/models", poem::get(models.clone())).at("/v1/models/*id", poem::get(models));
    }
    pages
}

struct Proxy {
    state: HttpState,
    entry: Arc<Entry>,
    dialect: Dialect,
}

impl Proxy {
    async fn serve(
        &self,
        request: &mut Request,
        id: Uuid,
        notes: &Arc<Notes>,
        raw: &mut Option<Bytes>,
    ) -> Result<Response, CallError> {
        let state = &self.state;
        let caller = auth::identify_either(request.headers(), &state.keys).await?;
        // Before the body is read: who may not call need not be listened to.
        self.entry.access().check(self.entry.id(), caller.as_deref())?;
        let limits = state.config.load().limits.clone();
        let body = body::read_up_to(request, &limits, state.llm.body_bytes()).await?;
        let headers = request.headers();
        let exchange = Arc::new(Exchange {
            dialect: self.dialect,
            body: body.ok_or_else(|| CallError::bad_request("The request has no body."))?,
            project: label(headers, "x-alkhub-project")?,
            session: label(headers, "x-alkhub-session")?,
            headers: passed_on(headers, self.dialect),
            told: parking_lot::Mutex::default(),
        });
        let mut call = CallRequest::with_id(id, Value::Null, caller, Transport::Http);
        call.origin = told::origin(request, state.config.load().rate.proxies);
        call.notes = Some(notes.clone());
        call.trace =
            headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(TraceContext::parse);
        if let Some(session) = &exchange.session {
            call.metadata.insert(crate::calls::SESSION.to_owned(), session.as_str().into());
        }
        call.carried = Some(exchange.clone());
        let answer = state.engine.dispatch(self.entry.clone(), call).await;
        let Told { headers, error, .. } = std::mem::take(&mut *exchange.told.lock());
        *raw = error;
        let mut response = match answer? {
            Answer::Once(output) => {
                let mut response = Response::builder().body(output.into_data());
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Answer::Stream(items) => streamed(items, self.dialect, id),
        };
        response.headers_mut().extend(headers);
        Ok(response)
    }
}

/// Parts of a stream as they come; an error is its last event. When the client leaves, the body is dropped, and with it
/// the call and the provider's connection.
fn streamed(items: ItemStream<Output, CallError>, dialect: Dialect, id: Uuid) -> Response {
    let parts = items.map(move |item| {
        Ok::<_, std::io::Error>(match item {
            Ok(output) => output.into_data(),
            Err(error) => error_event(dialect, &fault_of(&error, &id.to_string())).into(),
        })
    });
    Response::builder()
        .content_type("text/event-stream; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-cache")
        .header("x-accel-buffering", "no")
        .body(Body::from_bytes_stream(parts))
}

/// What a client says of a request beside it.
fn label(headers: &HeaderMap, name: &str) -> Result<Option<String>, CallError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let good = |text: &&str| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
    };
    match value.to_str().ok().filter(good) {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(CallError::bad_request(format!(
            "{name} must be 1 to 128 letters, digits, dots, colons, hyphens or underscores."
        ))),
    }
}

/// Headers that say what the body means.
fn passed_on(headers: &HeaderMap, dialect: Dialect) -> Vec<(HeaderName, HeaderValue)> {
    let names: &[&'static str] =
        if dialect.is_anthropic() { &["anthropic-version", "anthropic-beta"] } else { &["openai-beta"] };
    let found = names.iter().map(|name| HeaderName::from_static(name));
    found.filter_map(|name| headers.get(&name).map(|value| (name.clone(), value.clone()))).collect()
}

fn failure(error: &CallError, dialect: Dialect, id: Uuid, raw: Option<Bytes>) -> Response {
    let fault = fault_of(error, &id.to_string());
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = raw.unwrap_or_else(|| error_body(dialect, &fault).into());
    let mut response = Response::builder().status(status).content_type("application/json").body(body);
    response.extensions_mut().insert(Plain);
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn finished(mut response: Response, dialect: Dialect, id: Uuid, notes: &Notes) -> Response {
    told::apply(&mut response, notes);
    if dialect.is_anthropic()
        && let Ok(value) = HeaderValue::from_str(&id.to_string())
    {
        response.headers_mut().insert("request-id", value);
    }
    response
}

impl Endpoint for Proxy {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let id = request_id(&request);
        let origin = told::origin(&request, self.state.config.load().rate.proxies);
        let notes = Arc::new(Notes::default());
        let mut raw = None;
        let response = match self.serve(&mut request, id, &notes, &mut raw).await {
            Ok(response) => response,
            Err(error) => {
                let error = refused(&self.state.engine, error, origin, &notes).await;
                let (status, code) = (error.status(), &*error.code);
                tracing::debug!(operation = self.entry.id(), kind = Kind::Mutation.as_str(), request_id = %id, status, code, "call refused");
                failure(&error, self.dialect, id, raw)
            }
        };
        Ok(finished(response, self.dialect, id, &notes))
    }
}

/// `/v1/models`, in the form of whichever dialect the client speaks.
struct Models {
    state: HttpState,
    entry: Arc<Entry>,
}

impl Models {
    async fn serve(
        &self,
        request: &Request,
        id: Uuid,
        notes: &Arc<Notes>,
        dialect: Dialect,
    ) -> Result<Value, CallError> {
        let caller = auth::identify_either(request.headers(), &self.state.keys).await?;
        self.entry.access().check(self.entry.id(), caller.as_deref())?;
        let mut call = CallRequest::with_id(id, json!({}), caller, Transport::Http);
        call.origin = told::origin(request, self.state.config.load().rate.proxies);
        call.notes = Some(notes.clone());
        let output: Value = self.state.engine.call(self.entry.clone(), call).await?.typed()?;
        let found = output["items"].as_array().cloned().unwrap_or_default();
        let mut models = found.iter().filter_map(|model| model["id"].as_str()).map(|id| model(id, dialect));
        let wanted = request.raw_path_param("id").filter(|wanted| !wanted.is_empty());
        if let Some(wanted) = wanted {
            let wanted = percent_encoding::percent_decode_str(wanted).decode_utf8_lossy();
            return models.find(|model| model["id"] == *wanted).ok_or_else(|| {
                let mut error = CallError::new("MODEL_NOT_FOUND", format!("No model {wanted:?}."));
                error.http_status = Some(404);
                error
            });
        }
        let models: Vec<Value> = models.collect();
        if dialect.is_anthropic() {
            let end = |model: Option<&Value>| model.map_or(Value::Null, |model| model["id"].clone());
            return Ok(json!({
                "first_id": end(models.first()), "last_id": end(models.last()), "has_more": false, "data": models,
            }));
        }
        Ok(json!({ "object": "list", "data": models }))
    }
}

fn model(id: &str, dialect: Dialect) -> Value {
    if dialect.is_anthropic() {
        return json!({ "type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z" });
    }
    let owner = id.split_once('/').map_or("alkhub", |(provider, _)| provider);
    json!({ "id": id, "object": "model", "created": 0, "owned_by": owner })
}

impl Endpoint for Models {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = request_id(&request);
        let origin = told::origin(&request, self.state.config.load().rate.proxies);
        let notes = Arc::new(Notes::default());
        let anthropic = request.headers().contains_key("anthropic-version");
        let dialect = if anthropic { Dialect::Messages } else { Dialect::Chat };
        let response = match self.serve(&request, id, &notes, dialect).await {
            Ok(list) => Response::builder().content_type("application/json").body(list.to_string()),
            Err(error) => {
                let error = refused(&self.state.engine, error, origin, &notes).await;
                failure(&error, dialect, id, None)
            }
        };
        Ok(finished(response, dialect, id, &notes))
    }
}
