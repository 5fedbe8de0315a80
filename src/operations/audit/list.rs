//! `audit.list`

use alkhub_api::audit::list::{Error, Input, List, Output, OutputItemsItem};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    storage::{
        audit::{self, Entry, Filter},
        time::{parse, rfc3339},
    },
};

impl Handle<List> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let filter = Filter {
            since: input.since.map(|text| parse("/since", &text)).transpose()?,
            until: input.until.map(|text| parse("/until", &text)).transpose()?,
            actor: input.actor,
            action: input.action,
            target: input.target,
        };
        let page = audit::list(&self.database, filter, input.cursor.as_deref(), input.limit.unsigned_abs()).await?;
        Ok(Output { items: page.items.into_iter().map(item).collect(), next_cursor: page.next_cursor })
    }
}

fn item(entry: Entry) -> OutputItemsItem {
    OutputItemsItem {
        id: entry.id,
        at: rfc3339(entry.at),
        actor: entry.actor,
        action: entry.action,
        target: entry.target,
        request_id: entry.request_id,
        details: serde_json::from_str(&entry.details).unwrap_or_default(),
    }
}
