//! `graph.successors`

use alkhub_api::graph::successors::{Error, Input, Output, Successors};
use alkhub_core::{Call, Handle};

use crate::{flow, hub::Hub, storage::page};

impl Handle<Successors> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let after = input.cursor.as_deref().map(page::decode_cursor).transpose()?;
        let limit = usize::try_from(input.limit).unwrap_or(50);
        flow::follow(self, cx).await?;
        let graph = self.graph.read();
        let from = flow::place(&graph, cx, &input.from)?;
        let mut edges = graph.successors(from, after.as_deref(), limit + 1, |entry| flow::is_visible(cx, entry));
        let more = edges.len() > limit;
        edges.truncate(limit);
        let next_cursor = edges.last().filter(|_| more).map(|last| page::encode_cursor(last.to.id()));
        let items = edges.iter().map(flow::edge).collect::<Result<_, _>>()?;
        Ok(Output { items, next_cursor })
    }
}
