//! `spoke.list`

use alkhub_api::spoke::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::{hub::Hub, storage::page};

impl Handle<List> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let after = input.cursor.as_deref().map(page::decode_cursor).transpose()?;
        let limit = usize::try_from(input.limit).unwrap_or(50);
        let mut spokes = self.spokes.all();
        spokes.retain(|spoke| {
            after.as_deref().is_none_or(|after| &*spoke.id > after)
                && input.spoke_type.as_deref().is_none_or(|kind| kind == spoke.kind)
        });
        let more = spokes.len() > limit;
        spokes.truncate(limit);
        let next_cursor = spokes.last().filter(|_| more).map(|last| page::encode_cursor(&last.id));
        Ok(Output { items: spokes.iter().map(|spoke| spoke.show()).collect(), next_cursor })
    }
}
