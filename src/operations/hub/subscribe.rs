//! `hub.subscribe`

use alkhub_api::hub::subscribe::{Error, Input, Output, Subscribe as Marker};
use alkhub_core::{Call, ItemStream, Subscribe};
use futures::StreamExt;
use serde_json::json;

use crate::{convert, hub::Hub};

impl Subscribe<Marker> for Hub {
    async fn subscribe(&self, cx: &Call, input: Input) -> Result<ItemStream<Output, Error>, Error> {
        let body = input.input.unwrap_or_else(|| json!({}));
        let items = cx.dispatch(&input.operation_id, body).await?.stream()?;
        let operation_id = input.operation_id;
        Ok(items.map(move |item| Ok(convert::envelope(&operation_id, item?)?)).boxed())
    }
}
