//! `openapi.get`

use alkhub_api::openapi::get::{Error, Get, Input, Output};
use alkhub_core::{Call, Handle};

use crate::{hub::Hub, imports::openapi::Manager};

impl Handle<Get> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        Ok(Manager::new(self, cx).get(&input.name).await?)
    }
}
