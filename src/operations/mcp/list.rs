//! `mcp.list`

use alkhub_api::mcp::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    imports::mcp::{KIND, show},
    storage::services,
};

impl Handle<List> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let limit = input.limit.unsigned_abs();
        let page = services::list(&self.database, KIND, input.cursor.as_deref(), limit).await?;
        let items = page.items.into_iter().map(|service| show(self, service, false));
        Ok(Output { items: items.collect::<Result<_, _>>()?, next_cursor: page.next_cursor })
    }
}
