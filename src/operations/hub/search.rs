//! `hub.search`

use std::sync::Arc;

use alkhub_api::hub::search::{Error, Input, Output, Search};
use alkhub_core::{Call, CallError, Handle, registry::Entry};

use crate::{convert, hub::Hub, search::Index};

impl Handle<Search> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let index = current(self, cx).await?;
        let limit = usize::try_from(input.limit).unwrap_or(10);
        let found = index
            .search(&input.query, limit, |entry: &Entry| {
                entry.access().allows(cx.identity()) && convert::is_offered(cx, entry)
            })
            .map_err(|error| CallError::internal(&error))?;
        let operations = found.iter().map(|entry| convert::summary(entry)).collect::<Result<_, _>>()?;
        Ok(Output { operations })
    }
}

/// The index of the registry as it is now.
async fn current(hub: &Hub, cx: &Call) -> Result<Arc<Index>, CallError> {
    let index = match hub.index.get() {
        Some(index) => index.clone(),
        None => {
            let made = Arc::new(Index::new().map_err(|error| CallError::internal(&error))?);
            hub.index.get_or_init(|| made).clone()
        }
    };
    if !index.is_current(cx.engine().registry()) {
        // Where much is new it takes a while; other calls go on meanwhile.
        let (behind, engine) = (index.clone(), cx.engine().clone());
        let followed = tokio::task::spawn_blocking(move || behind.follow(engine.registry())).await;
        let followed = followed.map_err(|error| CallError::internal(&error))?;
        followed.map_err(|error| CallError::internal(&error))?;
    }
    Ok(index)
}
