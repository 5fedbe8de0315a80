//! `/healthz`: the process answers. `/readyz`: it can serve calls.

use poem::{Endpoint, Request, Response, http::StatusCode};
use serde_json::json;

use super::{HttpState, front::Plain};
use crate::bus::Reach;

/// Answers `ok` as long as the process runs.
pub(super) struct Live;

impl Endpoint for Live {
    type Output = Response;

    async fn call(&self, _request: Request) -> poem::Result<Response> {
        Ok(Response::builder().content_type("text/plain; charset=utf-8").body("ok"))
    }
}

/// Answers 200 when the database can be reached and the hub is not stopping, 503 otherwise; also when Redis cannot be
/// reached, where the configuration requires it.
pub(super) struct Ready(pub HttpState);

impl Endpoint for Ready {
    type Output = Response;

    async fn call(&self, _request: Request) -> poem::Result<Response> {
        let database = self.0.database.health().await.is_ok();
        let stopping = self.0.stopping.is_cancelled();
        let bus = self.0.bus.reach();
        // Calls are served without Redis: what is lost is what other processes say.
        let enough = bus != Reach::Away || !self.0.config.load().redis.required;
        let ready = database && enough && !stopping;
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body = json!({
            "ready": ready,
            "database": if database { "ok" } else { "unreachable" },
            "bus": match bus {
                Reach::Local => "local",
                Reach::Reachable => "ok",
                Reach::Away => "unreachable",
            },
            "stopping": stopping,
        });
        let mut response =
            Response::builder().status(status).content_type("application/json").body(body.to_string());
        response.extensions_mut().insert(Plain);
        Ok(response)
    }
}
