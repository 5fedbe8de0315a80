//! `call.get`

use alkhub_api::call::get::{Error, Get, Input, Output};
use alkhub_core::{Call, Handle};

use crate::{convert_calls as convert, hub::Hub, storage::calls};

impl Handle<Get> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let id = convert::request_id(&input.request_id)?;
        let row = self.calls.recorded(id).await?.filter(|row| convert::may_see(cx, row));
        let row = row.ok_or(Error::CallNotFound)?;
        let calls::Kept { input, mut output, enveloped, .. } = calls::body(&self.database, id).await?;
        if enveloped {
            output = output.unwrapped();
        }
        let shown = convert::sees_all(cx) || convert::is_own(cx, &row);
        Ok(Output {
            call: convert::node(&row)?,
            input: convert::body(&input, shown),
            output: convert::body(&output, shown),
        })
    }
}
