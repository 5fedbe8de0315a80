//! `graph.operations`

use alkhub_api::graph::operations::{Error, Input, Operations, Output};
use alkhub_core::{Call, Handle};

use crate::{convert, flow, hub::Hub, storage::page};

impl Handle<Operations> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let after = input.cursor.as_deref().map(page::decode_cursor).transpose()?;
        let limit = usize::try_from(input.limit).unwrap_or(50);
        let role = input.role.map(|role| role.to_string());
        let wanted = input.type_.as_deref().map(flow::type_name);
        flow::follow(self, cx).await?;
        let graph = self.graph.read();
        let mut items = Vec::new();
        for (entry, profile) in graph.operations(after.as_deref()) {
            let (taken, given) = (profile.taken(), profile.given());
            let fits = wanted.is_none_or(|name| match role.as_deref() {
                Some("takes") => taken.contains(name),
                Some(_) => given.contains(name),
                None => taken.contains(name) || given.contains(name),
            });
            if fits && entry.access().allows(cx.identity()) && convert::is_offered(cx, entry) {
                items.push(flow::node(entry, &taken, &given)?);
            }
            if items.len() > limit {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|last| page::encode_cursor(&last.operation_id));
        Ok(Output { items, next_cursor })
    }
}
