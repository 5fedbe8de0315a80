//! `hub.schema`

use alkhub_api::hub::schema::{Error, Input, Output, Schema};
use alkhub_core::{Call, CallError, Handle};

use crate::{convert, hub::Hub};

impl Handle<Schema> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let entry = cx.engine().find(&input.operation_id, cx.identity())?;
        if !entry.access().allows(cx.identity()) || !convert::is_offered(cx, &entry) {
            // Told apart from an unknown one, it would be visible.
            return Err(CallError::operation_not_found(&input.operation_id).into());
        }
        serde_json::from_value(entry.spec()).map_err(|error| CallError::internal(&error).into())
    }
}
