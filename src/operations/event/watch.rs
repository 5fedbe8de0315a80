//! `event.watch`

use alkhub_api::{
    errors::{EventsBehind, EventsExpired},
    event::watch::{Error, Input, Output, Watch},
};
use alkhub_core::{Call, CallError, ItemStream, Subscribe, engine::Output as Text};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};

use crate::{
    convert,
    events::{Asked, Ended, Item, Reader},
    hub::Hub,
};

impl Subscribe<Watch> for Hub {
    async fn subscribe(&self, cx: &Call, input: Input) -> Result<ItemStream<Output, Error>, Error> {
        let items = Subscribe::<Watch>::texts(self, cx, input).await?;
        Ok(items.map(|item| Ok(item?.typed()?)).boxed())
    }

    async fn texts(
        &self,
        cx: &Call,
        input: Input,
    ) -> Result<impl Stream<Item = Result<Text, Error>> + Send + 'static, Error> {
        let asked = Asked { types: input.types, id: input.id, project: input.project, session: input.session };
        let filter = self.events.filter(cx.identity(), asked)?;
        let key = cx.identity().map_or("", |identity| &identity.id);
        let reader = self.events.reader(filter, input.since, &self.keys, key).await.map_err(ended)?;
        Ok(stream::unfold(Some(Box::new(reader)), next))
    }
}

async fn next(reader: Option<Box<Reader>>) -> Option<(Result<Text, Error>, Option<Box<Reader>>)> {
    let mut reader = reader?;
    match reader.next().await.map(text) {
        Ok(text) => Some((text.map_err(CallError::into), Some(reader))),
        Err(error) => Some((Err(ended(error)), None)),
    }
}

fn text(item: Item) -> Result<Text, CallError> {
    match item {
        Item::Event(told) => told.text(|event| json(&convert::event(event))).map(Text::shared),
        Item::Position(sequence) => json(&convert::position(sequence)).map(Text::data),
    }
}

fn json(event: &Output) -> Result<Bytes, CallError> {
    serde_json::to_vec(event).map(Bytes::from).map_err(|error| CallError::internal(&error))
}

fn ended(ended: Ended) -> Error {
    match ended {
        Ended::Expired(oldest_sequence) => Error::EventsExpired(EventsExpired { oldest_sequence }),
        Ended::Behind(last_sequence) => Error::EventsBehind(EventsBehind { last_sequence }),
        Ended::Failed(error) => CallError::into(error),
    }
}
