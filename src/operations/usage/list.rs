//! `usage.list`

use alkhub_api::usage::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::{
    convert_llm,
    hub::Hub,
    storage::{
        llm::usage::{self, Filter},
        time::parse,
    },
};

impl Handle<List> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let filter = Filter {
            key_id: input.key_id,
            project: input.project,
            session: input.session,
            model: input.model,
            since: input.since.map(|text| parse("/since", &text)).transpose()?,
            until: input.until.map(|text| parse("/until", &text)).transpose()?,
        };
        let limit = input.limit.unsigned_abs();
        let page = usage::list(&self.database, &filter, input.cursor.as_deref(), limit).await?;
        let items: Result<_, _> = page.items.into_iter().map(convert_llm::usage).collect();
        Ok(Output { items: items?, next_cursor: page.next_cursor })
    }
}
