//! `openapi.test`

use alkhub_api::openapi::test::{Error, Input, Output, Test};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    imports::openapi::{Manager, Wanted, tried},
};

impl Handle<Test> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let wanted = Wanted {
            url: input.url,
            document: input.document,
            compressed: input.compressed,
            base_url: input.base_url,
            auth: input.auth,
            headers: input.headers,
            ..Wanted::default()
        };
        Ok(tried(Box::pin(Manager::new(self, cx).test(input.name, wanted)).await?))
    }
}
