//! HTTP: REST routes and the gateway as declared, the document that describes them, and the pages around.

mod api;
mod auth;
mod bind;
mod body;
mod compress;
mod cors;
mod docs;
pub(super) mod endpoint;
mod front;
mod health;
mod llm;
mod metrics;
pub mod openapi;
pub mod problem;
mod served;
mod sse;
mod state;
pub(super) mod told;

use poem::{EndpointExt, Route, endpoint::BoxEndpoint};

pub use api::{HubOperations, OperationSet};
pub use metrics::Metrics;
pub use openapi::openapi_json;
pub use state::HttpState;

pub(super) use auth::{bearer, identify};
pub(super) use body::read_json;

use self::cors::CrossOrigin;
use super::{mcp, ws::Upgrade};

/// Id of a request, which its answer's `x-request-id` names.
pub(super) fn request_id(request: &poem::Request) -> uuid::Uuid {
    request.extensions().get::<front::RequestId>().map_or_else(uuid::Uuid::now_v7, |id| id.0)
}

/// Marks an error answer that is meant to be what it is, and no problem document.
pub(super) fn plain(response: &mut poem::Response) {
    response.extensions_mut().insert(front::Plain);
}

/// Marks an answer of so many bytes that may be compressed.
pub(super) fn compressible(response: &mut poem::Response, length: usize) {
    response.extensions_mut().insert(compress::Compressible(length));
}

/// Everything that the hub answers over HTTP.
///
/// # Errors
/// A sentence where an allowed origin of the configuration is not one.
pub fn routes<S: OperationSet>(
    state: &HttpState,
    mcp: mcp::Endpoint,
) -> Result<BoxEndpoint<'static, poem::Response>, String> {
    let operations = S::operations();
    let pages = Route::new()
        .at("/openapi.json", poem::get(docs::document::<S>()))
        .at("/docs", poem::get(docs::page::<S>(state.config.load().docs.enabled)))
        .at("/docs/errors/:code", poem::get(docs::ErrorPage))
        .at("/", poem::get(docs::Home))
        .at("/healthz", poem::get(health::Live))
        .at("/readyz", poem::get(health::Ready(state.clone())))
        .at("/metrics", poem::get(metrics::Page(state.clone())))
        .at("/mcp", mcp)
        .at("/.well-known/oauth-protected-resource", poem::get(mcp::Metadata::new(state.clone())))
        .at("/.well-known/oauth-protected-resource/mcp", poem::get(mcp::Metadata::new(state.clone())))
        .at("/ws", poem::get(Upgrade(state.clone())));
    let pages = llm::routes(pages, state);
    let front = front::Front::new(served::routes(state, &operations), pages, state.clone(), &operations);
    Ok(CrossOrigin::new(front, state.config.clone())?.boxed())
}
