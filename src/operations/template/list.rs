//! `template.list`

use alkhub_api::template::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::{flow::templates::{list, view}, hub::Hub};

impl Handle<List> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let limit = input.limit.unsigned_abs();
        let page = list(&self.database, cx, input.cursor.as_deref(), limit).await?;
        let items = page.items.into_iter().map(view).collect::<Result<_, _>>()?;
        Ok(Output { items, next_cursor: page.next_cursor })
    }
}
