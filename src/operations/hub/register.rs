//! `hub.register`

use alkhub_api::{
    errors::{SpokeIdForbidden, SpokeIdTaken},
    hub::register::{Error, Input, Output, OutputRejectedItem, Register},
};
use alkhub_core::{Call, CallError, Handle};

use crate::{
    hub::Hub,
    spokes::{Refused, Registration},
};

impl Handle<Register> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let (Some(peer), Some(owner)) = (cx.peer(), cx.identity()) else {
            return Err(CallError::bad_request(
                "A spoke registers over a connection of the call protocol: connect to /ws and call hub.register there.",
            )
            .into());
        };
        let (spokes, engine) = (self.spokes.clone(), cx.engine().clone());
        let specs = input.operations.unwrap_or_default();
        let offer = tokio::task::spawn_blocking(move || spokes.read(&specs, engine.registry()));
        let offer = offer.await.map_err(|error| CallError::internal(&error))?;
        let asked = input.spoke_id.clone().unwrap_or_default();
        let registration = Registration {
            spoke_id: input.spoke_id,
            kind: input.spoke_type,
            offer,
            metadata: input.metadata,
        };
        let welcome = self
            .spokes
            .enter(peer, owner, registration, cx.engine().registry())
            .await?
            .map_err(|refused| match refused {
                Refused::Taken => Error::SpokeIdTaken(SpokeIdTaken { spoke_id: asked.clone() }),
                Refused::Forbidden(patterns) => {
                    Error::SpokeIdForbidden(SpokeIdForbidden { patterns, spoke_id: asked.clone() })
                }
                Refused::Overtaken => CallError::aborted("overtaken by a newer registration of this spoke").into(),
            })?;
        let spoke_id = welcome.spoke.id.to_string();
        tracing::info!(
            spoke = spoke_id, peer = peer.number(), accepted = welcome.accepted.len(),
            rejected = welcome.rejected.len(), "spoke registered"
        );
        let rejected = welcome.rejected.into_iter().map(|(id, reason)| OutputRejectedItem { id, reason });
        Ok(Output {
            prefix: spoke_id.clone(),
            spoke_id,
            heartbeat_interval_ms: i64::try_from(self.spokes.heartbeat().as_millis()).unwrap_or(i64::MAX),
            accepted: welcome.accepted,
            rejected: rejected.collect(),
        })
    }
}
