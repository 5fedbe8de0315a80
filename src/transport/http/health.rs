//! `/healthz`: the process answers. `/readyz`: it can serve calls.

use poem::{Endpoint, Request, Response, http::StatusCode};
use serde_json::json;

use super::{HttpState, front::Plain};

/// Answers `ok` as long as the process runs.
pub(super) struct Live;

impl Endpoint for Live {
    type Output = Response;

    async fn call(&self, _request: Request) -> poem::Result<Response> {
        Ok(Response::builder().content_type("text/plain; charset=utf-8").body("ok"))
    }
}

/// Answers 200 when the database can be reached and the hub is not stopping, 503 otherwise.
pub(super) struct Ready(pub HttpState);

impl Endpoint for Ready {
    type Output = Response;

    async fn call(&self, _request: Request) -> poem::Result<Response> {
        let database = self.0.database.health().await.is_ok();
        let stopping = self.0.stopping.is_cancelled();
        let ready = database && !stopping;
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body = json!({
            "ready": ready,
            "database": if database { "ok" } else { "unreachable" },
            "stopping": stopping,
        });
        let mut response =
            Response::builder().status(status).content_type("application/json").body(body.to_string());
        response.extensions_mut().insert(Plain);
        Ok(response)
    }
}
