//! `openapi.remove`

use alkhub_api::openapi::remove::{Error, Input, Output, Remove};
use alkhub_core::{Call, Handle};

use crate::{hub::Hub, imports::openapi::Manager};

impl Handle<Remove> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        Ok(Manager::new(self, cx).remove(&input.name).await?)
    }
}
