//! `call.tree`

use alkhub_api::call::tree::{Error, Input, Output, Tree};
use alkhub_core::{Call, Handle};

use crate::{convert_calls as convert, hub::Hub, storage::calls};

impl Handle<Tree> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let id = convert::request_id(&input.request_id)?;
        let top = self.calls.recorded(id).await?.filter(|row| convert::may_see(cx, row));
        let top = top.ok_or(Error::CallNotFound)?;
        let most = usize::try_from(input.limit).unwrap_or(1);
        let below = calls::tree(&self.database, &top, most as u64).await?;
        let complete = below.len() < most;
        let ordered = calls::in_order(top, below);
        let calls = ordered.iter().take(most).map(convert::node).collect::<Result<_, _>>()?;
        Ok(Output { calls, complete })
    }
}
