//! `/.well-known/oauth-protected-resource` (RFC 9728): what a client that was refused is told of how to come in.

use alkhub_core::CallError;
use http::{HeaderMap, Uri};
use poem::{Request, Response};
use serde_json::json;

use super::guard::Guard;
use crate::{
    config::Config,
    transport::http::{HttpState, problem, request_id},
};

/// Where the description of `/mcp` is.
pub(super) const PATH: &str = "/.well-known/oauth-protected-resource/mcp";

/// Serves the description.
pub struct Metadata {
    state: HttpState,
    guard: Guard,
}

impl Metadata {
    /// Of this hub.
    #[must_use]
    pub fn new(state: HttpState) -> Self {
        Self { guard: Guard::new(&state.config.load()), state }
    }
}

/// The URL by which this client reaches the hub, without a slash at its end.
pub(super) fn base(config: &Config, uri: &Uri, headers: &HeaderMap) -> String {
    if let Some(url) = &config.server.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host =
        text("host").or_else(|| uri.authority().map(http::uri::Authority::as_str)).unwrap_or("localhost");
    // Only a proxy that is known of is believed.
    let scheme =
        text("x-forwarded-proto").filter(|_| config.rate.proxies > 0).filter(|scheme| *scheme == "https");
    format!("{}://{host}", scheme.unwrap_or("http"))
}

impl poem::Endpoint for Metadata {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if let Err(error) =
            self.guard.check(request.uri(), request.headers(), &self.state.config.load().cors.allowed_origins)
        {
            return Ok(problem::response(&error, request_id(&request)));
        }
        let base = base(&self.state.config.load(), request.uri(), request.headers());
        let body = json!({
            "resource": format!("{base}/mcp"),
            "resource_name": "alkhub",
            "bearer_methods_supported": ["header"],
            "resource_documentation": format!("{base}/docs/errors/ACCESS_DENIED"),
        });
        Ok(Response::builder()
            .content_type("application/json")
            .header("cache-control", "max-age=300")
            .body(body.to_string()))
    }
}

/// Says with a 401 where the description is.
pub(super) fn challenge(response: &mut Response, base: &str, error: &CallError) {
    if !error.unauthenticated {
        return;
    }
    let value = format!("Bearer realm=\"alkhub\", resource_metadata=\"{base}{PATH}\"");
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(http::header::WWW_AUTHENTICATE, value);
    }
}
