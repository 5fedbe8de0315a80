//! `provider.list`

use alkhub_api::provider::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::{convert_llm, hub::Hub, storage::llm::providers};

impl Handle<List> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let page = providers::list(&self.database, input.cursor.as_deref(), input.limit.unsigned_abs()).await?;
        let items: Result<_, _> = page.items.iter().map(convert_llm::provider).collect();
        Ok(Output { items: items?, next_cursor: page.next_cursor })
    }
}
