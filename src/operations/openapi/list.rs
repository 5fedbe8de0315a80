//! `openapi.list`

use alkhub_api::openapi::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    imports::openapi::{KIND, view},
    storage::services,
};

impl Handle<List> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let limit = input.limit.unsigned_abs();
        let page = services::list(&self.database, KIND, input.cursor.as_deref(), limit).await?;
        let items =
            page.items.iter().map(|service| view(service, self.imports.status(&service.name), false));
        Ok(Output { items: items.collect(), next_cursor: page.next_cursor })
    }
}
