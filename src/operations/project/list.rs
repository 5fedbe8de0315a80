//! `project.list`

use alkhub_api::{
    project::list::{Error, Input, List, Output},
};
use alkhub_core::{Call, Handle};

use crate::{
    convert,
    hub::Hub,
    storage::projects::{self, Filter},
};

impl Handle<List> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let filter = Filter { archived: input.archived, name: input.name };
        let limit = input.limit.unsigned_abs();
        let page = projects::list(&self.database, filter, input.cursor.as_deref(), limit).await?;
        let items = page.items.into_iter().map(convert::project).collect();
        Ok(Output { items, next_cursor: page.next_cursor })
    }
}
