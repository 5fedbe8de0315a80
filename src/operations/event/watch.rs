//! `event.watch`

use alkhub_api::{
    errors::{EventsBehind, EventsExpired},
    event::watch::{Error, Input, Output, Watch},
};
use alkhub_core::{Call, CallError, ItemStream, Subscribe};
use futures::{StreamExt, stream};

use crate::{
    convert,
    events::{Asked, Ended, Item, Reader},
    hub::Hub,
};

impl Subscribe<Watch> for Hub {
    async fn subscribe(&self, cx: &Call, input: Input) -> Result<ItemStream<Output, Error>, Error> {
        let asked = Asked { types: input.types, id: input.id, project: input.project, session: input.session };
        let filter = self.events.filter(cx.identity(), asked)?;
        let key = cx.identity().map_or("", |identity| &identity.id);
        let reader = self.events.reader(filter, input.since, &self.keys, key).await.map_err(ended)?;
        Ok(stream::unfold(Some(reader), next).boxed())
    }
}

async fn next(reader: Option<Reader>) -> Option<(Result<Output, Error>, Option<Reader>)> {
    let mut reader = reader?;
    match reader.next().await {
        Ok(Item::Event(event)) => Some((Ok(convert::event(&event)), Some(reader))),
        Ok(Item::Position(sequence)) => Some((Ok(convert::position(sequence)), Some(reader))),
        Err(error) => Some((Err(ended(error)), None)),
    }
}

fn ended(ended: Ended) -> Error {
    match ended {
        Ended::Expired(oldest_sequence) => Error::EventsExpired(EventsExpired { oldest_sequence }),
        Ended::Behind(last_sequence) => Error::EventsBehind(EventsBehind { last_sequence }),
        Ended::Failed(error) => CallError::into(error),
    }
}
