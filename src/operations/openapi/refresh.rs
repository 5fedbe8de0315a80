//! `openapi.refresh`

use alkhub_api::openapi::refresh::{Error, Input, Output, Refresh};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    imports::openapi::{Manager, Refreshed},
};

impl Handle<Refresh> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let refreshed = Box::pin(Manager::new(self, cx).refresh(&input.name)).await?;
        let Refreshed { service, added, removed, changed } = refreshed;
        Ok(Output { service, added, removed, changed })
    }
}
