//! `openapi.add`

use alkhub_api::openapi::add::{Add, Error, Input, Output};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    imports::openapi::{Manager, Wanted},
};

impl Handle<Add> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let wanted = Wanted {
            url: input.url,
            document: input.document,
            compressed: input.compressed,
            base_url: input.base_url,
            auth: input.auth,
            headers: input.headers,
            required_scopes: input.required_scopes,
            timeout_ms: input.timeout_ms,
        };
        Ok(Box::pin(Manager::new(self, cx).add(input.name, wanted)).await?)
    }
}
