//! The outermost endpoint: request ids, uniform errors, compression, and headers that every answer has.

use std::time::Instant;

use alkhub_core::{CallError, Descriptor, error::codes, trace::TraceContext};
use poem::{
    Endpoint, Request, Response, Route,
    http::{HeaderValue, Method, StatusCode, header},
};
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::{HttpState, compress, problem};
use crate::telemetry;

/// Id of the request, which is also that of the call it makes.
#[derive(Clone, Copy)]
pub(super) struct RequestId(pub Uuid);

/// Wraps the routes.
pub(super) struct Front {
    operations: Route,
    pages: Route,
    state: HttpState,
    methods: Vec<(Vec<String>, &'static str)>,
}

impl Front {
    /// Wraps the declared routes below `/api` and the pages around; the descriptors say which methods exist where.
    #[must_use]
    pub(super) fn new(
        operations: Route,
        pages: Route,
        state: HttpState,
        descriptors: &[&'static Descriptor],
    ) -> Self {
        let split = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let methods = descriptors
            .iter()
            .filter_map(|operation| operation.http)
            .map(|http| (split(http.path), http.method))
            .collect();
        Self { operations, pages, state, methods }
    }

    /// The router of pages would only be a detour on the way to an operation.
    async fn route(&self, request: Request) -> poem::Result<Response> {
        if request.uri().path().starts_with("/api/") {
            self.operations.call(request).await
        } else {
            self.pages.call(request).await
        }
    }

    /// The methods that a path is served for.
    fn allowed(&self, path: &str) -> String {
        let parts: Vec<&str> = path.split('/').collect();
        let mut methods: Vec<&str> = self
            .methods
            .iter()
            .filter(|(pattern, _)| {
                pattern.len() == parts.len()
                    && pattern.iter().zip(&parts).all(|(want, got)| want.starts_with('{') || want == got)
            })
            .map(|(_, method)| *method)
            .collect();
        if methods.is_empty() {
            methods.push("GET");
        }
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods.dedup();
        methods.join(", ")
    }

    /// The span of a request, where traces are exported; nobody else would look at it.
    fn span(&self, request: &Request, id: Uuid) -> Option<Span> {
        self.state.config.load().telemetry.otlp_endpoint.as_ref()?;
        let (method, path) = (request.method(), request.uri().path());
        let span = tracing::info_span!(target: "alkhub::http", "request", %method, path, request_id = %id);
        let header = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        if let Some(context) = header.and_then(TraceContext::parse) {
            telemetry::adopt(&span, &context);
        }
        Some(span)
    }

    /// What poem's router refuses is answered like everything else.
    fn refused(&self, status: StatusCode, method: &Method, path: &str, id: Uuid) -> Response {
        match status {
            StatusCode::NOT_FOUND => {
                let error = CallError::new(
                    codes::NOT_FOUND,
                    "Nothing is served at this path; GET /openapi.json lists what is.",
                );
                problem::response(&error, id)
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                let allowed = self.allowed(path);
                let error = CallError::new(
                    codes::METHOD_NOT_ALLOWED,
                    format!("{method} is not served at this path; allowed: {allowed}."),
                );
                let mut response = problem::response(&error, id);
                if let Ok(value) = HeaderValue::from_str(&allowed) {
                    response.headers_mut().insert(header::ALLOW, value);
                }
                response
            }
            status if status.is_client_error() => {
                problem::response(&CallError::bad_request("The request could not be read."), id)
            }
            _ => problem::response(&CallError::internal(&"the router failed"), id),
        }
    }
}

/// Marks answers that poem made of one of its own errors.
fn is_foreign(response: &Response) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(|value| !value.as_bytes().starts_with(problem::PROBLEM_JSON.as_bytes()))
        && response.extensions().get::<Plain>().is_none()
}

/// Marks an error answer that is meant to be plain text (health pages).
#[derive(Clone, Copy)]
pub(super) struct Plain;

impl Endpoint for Front {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        // The clock is asked only where somebody reads the answer.
        let begun = tracing::enabled!(target: "alkhub::http", tracing::Level::DEBUG).then(Instant::now);
        let id = Uuid::now_v7();
        request.extensions_mut().insert(RequestId(id));
        let method = request.method().clone();
        let uri = request.uri().clone();
        let accepted = request.headers().get(header::ACCEPT_ENCODING).cloned();
        let span = self.span(&request, id);
        let answered = match span {
            Some(span) => self.route(request).instrument(span).await,
            None => self.route(request).await,
        };
        let mut response = answered.unwrap_or_else(poem::Error::into_response);
        if is_foreign(&response) {
            response = self.refused(response.status(), &method, uri.path(), id);
        }
        response = compress::apply(response, accepted.as_ref(), &self.state.config.load().compression);
        let headers = response.headers_mut();
        let mut text = Uuid::encode_buffer();
        if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
            headers.insert("x-request-id", value);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        self.state.metrics.request(response.status());
        // The path alone: a query may carry what a log must not.
        tracing::debug!(
            target: "alkhub::http", %method, path = uri.path(), status = response.status().as_u16(),
            request_id = %id, elapsed_us = begun.map(|begun| begun.elapsed().as_micros()), "answered"
        );
        Ok(response)
    }
}
