//! What of a changed configuration goes where. What reads the configuration each time needs no word.

use std::sync::Arc;

use alkhub_core::Engine;

use crate::{
    calls::Calls, config::Live, events::Events, idempotency::KeptAnswers, imports::mcp::Mcp,
    outbound::Outbound, rate::Limiter, spokes::Spokes, telemetry, transport::ws::Sockets, web::Web,
};

/// Parts that keep values of their own.
pub(super) struct Parts {
    pub(super) engine: Engine,
    pub(super) limiter: Arc<Limiter>,
    pub(super) answers: KeptAnswers,
    pub(super) events: Events,
    pub(super) calls: Calls,
    pub(super) spokes: Spokes,
    pub(super) sockets: Sockets,
    pub(super) outbound: Outbound,
    pub(super) mcp: Mcp,
    pub(super) web: Web,
}

impl Parts {
    /// Hands each of them what is new, from now on.
    pub(super) fn follow(self, live: &Live) {
        live.follow(move |config| {
            self.engine.set_limits(config.engine_limits());
            self.limiter.set(&config.rate);
            self.answers.set_keep(config.idempotency.keep);
            self.events.set(config.event_settings());
            self.calls.set(&config.calls);
            self.spokes.set_limits(config.spokes.registration());
            self.sockets.set_limits(config.peer_limits());
            self.outbound.set(&config.outbound.allow, config.outbound.limits());
            self.mcp.set_stdio(config.imports.stdio.clone());
            self.web.set_bytes(config.web.fetch_bytes);
            if let Err(error) = telemetry::set_filter(&config.log.filter) {
                tracing::warn!(error, "log.filter could not be changed");
            }
        });
    }
}
