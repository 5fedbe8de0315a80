//! `graph.path`

use alkhub_api::graph::path::{Error, Input, Output, Path};
use alkhub_core::{Call, Handle};

use crate::{flow, hub::Hub};

impl Handle<Path> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        flow::follow(self, cx).await?;
        let graph = self.graph.read();
        let from = flow::place(&graph, cx, &input.from)?;
        let to = flow::place(&graph, cx, &input.to)?;
        let way = graph.path(from, to, |entry| flow::is_visible(cx, entry));
        let steps = way.iter().flatten().map(flow::edge).collect::<Result<_, _>>()?;
        Ok(Output { found: way.is_some(), steps })
    }
}
