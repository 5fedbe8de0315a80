//! Which web pages of other origins may call the hub, as the configuration says at the moment.

use std::sync::Arc;

use arc_swap::ArcSwap;
use poem::{
    Endpoint, EndpointExt, Request, Response,
    http::{HeaderValue, Method, header},
    middleware::{Cors, CorsEndpoint},
};

use super::front::Front;
use crate::config::{self, Config, Live};

/// The front, for whoever may have it.
pub(super) struct CrossOrigin {
    front: Arc<Front>,
    config: Live,
    made: ArcSwap<Made>,
}

/// What follows from a configuration; `None` where no origin is allowed and nothing is said of any.
struct Made {
    of: Arc<Config>,
    checked: Option<CorsEndpoint<Arc<Front>>>,
}

impl CrossOrigin {
    /// # Errors
    /// A sentence where an allowed origin of the configuration is not one.
    pub(super) fn new(front: Front, config: Live) -> Result<Self, String> {
        let (front, of) = (Arc::new(front), config.full());
        let checked = checked(&front, &of.cors)?;
        Ok(Self { front, config, made: ArcSwap::from_pointee(Made { of, checked }) })
    }

    fn made(&self) -> Arc<Made> {
        let (made, config) = (self.made.load_full(), self.config.load());
        if Arc::ptr_eq(&made.of, &config) {
            return made;
        }
        // Origins of a loaded configuration have been checked.
        let checked = checked(&self.front, &config.cors).unwrap_or_default();
        let made = Arc::new(Made { of: Arc::clone(&config), checked });
        self.made.store(made.clone());
        made
    }
}

impl Endpoint for CrossOrigin {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if !request.headers().contains_key(header::ORIGIN) {
            return self.front.call(request).await;
        }
        match &self.made().checked {
            Some(checked) => checked.call(request).await,
            None => self.front.call(request).await,
        }
    }
}

fn checked(front: &Arc<Front>, settings: &config::Cors) -> Result<Option<CorsEndpoint<Arc<Front>>>, String> {
    let origins = &settings.allowed_origins;
    if origins.is_empty() {
        return Ok(None);
    }
    let mut cors = Cors::new()
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            "authorization",
            "content-type",
            "idempotency-key",
            "last-event-id",
            "mcp-method",
            "mcp-name",
            "mcp-protocol-version",
            "mcp-session-id",
            "traceparent",
            "x-api-key",
            "anthropic-version",
            "anthropic-beta",
            "x-alkhub-project",
            "x-alkhub-session",
        ])
        .expose_headers([
            "x-request-id",
            "mcp-session-id",
            "www-authenticate",
            "retry-after",
            "ratelimit",
            "ratelimit-policy",
            "idempotency-replayed",
            "x-alkhub-provider",
            "x-alkhub-model",
            "x-alkhub-cost",
            "x-alkhub-attempts",
            "x-alkhub-cache",
        ])
        .max_age(i32::try_from(settings.max_age.as_secs()).unwrap_or(i32::MAX));
    for origin in origins {
        origin.parse::<HeaderValue>().map_err(|_| {
            format!("cors.allowed_origins: {origin:?} is not an origin such as https://app.example")
        })?;
        cors =
            if origin == "*" { cors.allow_origins_fn(|_| true) } else { cors.allow_origin(origin.as_str()) };
    }
    Ok(Some(front.clone().with(cors)))
}
