//! `call.path`

use alkhub_api::call::path::{Error, Input, Output, Path};
use alkhub_core::{Call, Handle};

use crate::{convert_calls as convert, hub::Hub, storage::calls};

impl Handle<Path> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let id = convert::request_id(&input.request_id)?;
        let row = self.calls.recorded(id).await?.filter(|row| convert::may_see(cx, row));
        row.ok_or(Error::CallNotFound)?;
        let path = calls::path(&self.database, id).await?;
        let seen = path.iter().skip_while(|row| !convert::may_see(cx, row));
        Ok(Output { calls: seen.map(convert::node).collect::<Result<_, _>>()? })
    }
}
