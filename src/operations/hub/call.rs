//! `hub.call`

use alkhub_api::hub::call::{Call as Marker, Error, Input, Output};
use alkhub_core::{Call, Handle};
use serde_json::json;

use crate::{convert, hub::Hub};

impl Handle<Marker> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let body = input.input.unwrap_or_else(|| json!({}));
        let output = cx.pass_on(&input.operation_id, body).await?;
        Ok(convert::envelope(&input.operation_id, output)?)
    }
}
