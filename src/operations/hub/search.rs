//! `hub.search`

use std::sync::Arc;

use alkhub_api::hub::search::{Error, Input, Output, Search};
use alkhub_core::{Call, CallError, Handle, Registry, registry::Entry};

use crate::{convert, hub::Hub, search::Index};

impl Handle<Search> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let index = current(self, cx.engine().registry()).map_err(|error| CallError::internal(&error))?;
        let limit = usize::try_from(input.limit).unwrap_or(10);
        let found = index
            .search(&input.query, limit, |entry: &Entry| entry.access().allows(cx.identity()) && convert::is_offered(cx, entry))
            .map_err(|error| CallError::internal(&error))?;
        let operations = found.iter().map(|entry| convert::summary(entry)).collect::<Result<_, _>>()?;
        Ok(Output { operations })
    }
}

/// The index of the registry as it is now; made when the registry has changed since the last search.
fn current(hub: &Hub, registry: &Registry) -> Result<Arc<Index>, tantivy::TantivyError> {
    let generation = registry.generation();
    let mut slot = hub.index.lock();
    if let Some(index) = slot.as_ref().filter(|index| index.generation == generation) {
        return Ok(index.clone());
    }
    let index = Arc::new(Index::build(generation, registry.all())?);
    *slot = Some(index.clone());
    Ok(index)
}
