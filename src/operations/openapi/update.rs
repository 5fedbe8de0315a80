//! `openapi.update`

use alkhub_api::openapi::update::{Error, Input, Output, Update};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    imports::openapi::{Change, Manager},
};

impl Handle<Update> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let change = Change {
            url: input.url,
            document: input.document,
            compressed: input.compressed,
            base_url: input.base_url,
            auth: input.auth,
            headers: input.headers,
            required_scopes: input.required_scopes,
            timeout_ms: input.timeout_ms,
        };
        Ok(Box::pin(Manager::new(self, cx).update(&input.name, change)).await?)
    }
}
