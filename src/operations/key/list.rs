//! `key.list`

use alkhub_api::key::list::{Error, Input, InputStatus, List, Output};
use alkhub_core::{Call, Handle};

use crate::{
    convert,
    hub::Hub,
    storage::keys::{self, Status},
};

impl Handle<List> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let status = input.status.map(|status| match status {
            InputStatus::Active => Status::Active,
            InputStatus::Expired => Status::Expired,
            InputStatus::Revoked => Status::Revoked,
        });
        let limit = input.limit.unsigned_abs();
        let page = keys::list(&self.database, status, input.cursor.as_deref(), limit).await?;
        Ok(Output { items: page.items.into_iter().map(convert::key).collect(), next_cursor: page.next_cursor })
    }
}
