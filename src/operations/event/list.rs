//! `event.list`

use alkhub_api::{
    errors::EventsExpired,
    event::list::{Error, Input, InputOrder, List, Output},
};
use alkhub_core::{Call, Handle};

use crate::{convert, events::Asked, hub::Hub, storage::events};

impl Handle<List> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let asked = Asked { types: input.types, id: input.id, project: input.project, session: input.session };
        let filter = self.events.filter(cx.identity(), asked)?;
        let newest_first = input.order == InputOrder::Newest;
        let limit = input.limit.unsigned_abs();
        let page = events::list(
            &self.database,
            &filter,
            input.since_sequence,
            newest_first,
            input.cursor.as_deref(),
            limit,
        )
        .await?;
        // Where the page begins, if nothing between may be missing. A list backwards ends where what is kept does.
        let from = match &input.cursor {
            Some(_) if newest_first => None,
            Some(cursor) => Some(events::place(cursor)?),
            None => input.since_sequence,
        };
        if let Some(from) = from {
            // Afterwards: what was not deleted by then was not deleted when the page was read.
            let floor = events::bounds(&self.database).await?.floor;
            if from < floor {
                return Err(Error::EventsExpired(EventsExpired { oldest_sequence: floor + 1 }));
            }
        }
        Ok(Output { items: page.items.iter().map(convert::event).collect(), next_cursor: page.next_cursor })
    }
}
