//! `hub.list`

use alkhub_api::hub::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::{convert, hub::Hub, storage::page};

impl Handle<List> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let after = input.cursor.as_deref().map(page::decode_cursor).transpose()?;
        let limit = usize::try_from(input.limit).unwrap_or(50);
        let kind = input.type_.map(|kind| kind.to_string());
        let mut matching = cx.engine().registry().visible(cx.identity(), after.as_deref());
        matching.retain(|entry| {
            convert::is_offered(cx, entry)
                && input.namespace.as_deref().is_none_or(|namespace| namespace == entry.namespace())
                && kind.as_deref().is_none_or(|kind| kind == entry.kind().as_str())
                && input.spoke.as_deref().is_none_or(|spoke| Some(spoke) == entry.spoke())
                && input.tag.as_deref().is_none_or(|tag| entry.tags().any(|held| held == tag))
        });
        let more = matching.len() > limit;
        matching.truncate(limit);
        let next_cursor =
            matching.last().filter(|_| more).map(|last| page::encode_cursor(last.id()));
        let items = matching.iter().map(|entry| convert::summary(entry)).collect::<Result<_, _>>()?;
        Ok(Output { items, next_cursor })
    }
}
