//! `call.watch`

use alkhub_api::{
    call::watch::{Error, Input, Output, Watch},
    shared::CallChangeChanged,
};
use alkhub_core::{Call, CallError, ItemStream, Subscribe};
use futures::{StreamExt, stream};

use crate::{calls::Change, convert_calls as convert, hub::Hub};

impl Subscribe<Watch> for Hub {
    async fn subscribe(&self, cx: &Call, input: Input) -> Result<ItemStream<Output, Error>, Error> {
        let id = convert::request_id(&input.request_id)?;
        let since = input.since.map(|text| text.parse::<i64>()).transpose();
        let since = since.map_err(|_| CallError::fault("/since", "is no cursor of this subscription"))?;
        let top = self.calls.recorded(id).await?.filter(|row| convert::may_see(cx, row));
        let top = top.ok_or(Error::CallNotFound)?;
        let watch = self.calls.watch(top, since);
        let items = stream::unfold(Some(Box::new(watch)), |watch| async move {
            let mut watch = watch?;
            match watch.next().await {
                Ok(Some(change)) => Some((item(&change).map_err(Error::from), Some(watch))),
                Ok(None) => None,
                Err(error) => Some((Err(error.into()), None)),
            }
        });
        Ok(items.boxed())
    }
}

fn item(change: &Change) -> Result<Output, CallError> {
    let node = convert::node(&change.row)?;
    let cursor = change.cursor.to_string();
    if change.added {
        return Ok(Output { cursor, added: Some(node), changed: None });
    }
    let changed = CallChangeChanged {
        request_id: node.request_id,
        status: node.status,
        ended_at: node.ended_at,
        duration_ms: node.duration_ms,
        error: node.error,
    };
    Ok(Output { cursor, added: None, changed: Some(changed) })
}
