//! `spoke.disconnect`

use alkhub_api::{
    errors::SpokeNotFound,
    spoke::disconnect::{Disconnect, Error, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{hub::Hub, spokes::Place};

impl Handle<Disconnect> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let Some(spoke) = self.spokes.get(&input.spoke_id) else {
            return Err(Error::SpokeNotFound(SpokeNotFound { spoke_id: input.spoke_id }));
        };
        let shown = spoke.show();
        match &spoke.place {
            Place::Here(peer) => {
                peer.close(4410, "disconnected by an operator");
                // Not when the spoke has answered: it is to be gone when the caller hears of it.
                self.spokes.leave(peer, cx.engine().registry());
                peer.abandon();
            }
            // The process that has it does it.
            Place::There(there) => there.disconnect(cx, &input.spoke_id).await?,
        }
        Ok(shown)
    }
}
