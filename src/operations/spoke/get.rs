//! `spoke.get`

use alkhub_api::{
    errors::SpokeNotFound,
    spoke::get::{Error, Get, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::hub::Hub;

impl Handle<Get> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        match self.spokes.get(&input.spoke_id) {
            Some(spoke) => Ok(Output { spoke: spoke.show(), operation_ids: spoke.ids() }),
            None => Err(Error::SpokeNotFound(SpokeNotFound { spoke_id: input.spoke_id })),
        }
    }
}
