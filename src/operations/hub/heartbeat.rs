//! `hub.heartbeat`

use alkhub_api::hub::heartbeat::{Error, Heartbeat, Input, Output};
use alkhub_core::{Call, CallError, Handle, call::now_ms};

use crate::{convert::signed, hub::Hub};

impl Handle<Heartbeat> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let Some(peer) = cx.peer() else {
            return Err(CallError::bad_request(
                "A heartbeat is for connections of the call protocol: connect to /ws and call hub.heartbeat there.",
            )
            .into());
        };
        if let Some(spoke) = self.spokes.of_peer(peer) {
            spoke.note(input.load, input.status);
        }
        Ok(Output { server_time: signed(now_ms()) })
    }
}
