//! `graph.cycles`

use alkhub_api::{
    graph::cycles::{Cycles, Error, Input, Output},
    shared::GraphCycle,
};
use alkhub_core::{Call, Handle};

use crate::{convert, flow, hub::Hub};

/// Most operations of one set that are named.
const NAMED: usize = 100;

impl Handle<Cycles> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        flow::follow(self, cx).await?;
        let limit = usize::try_from(input.limit).unwrap_or(20);
        let sets = self.graph.read().cycles(|entry| flow::is_visible(cx, entry));
        let cycles = sets.iter().take(limit).map(|set| GraphCycle {
            size: convert::signed(set.len() as u64),
            operations: set.iter().take(NAMED).map(|entry| entry.id().to_owned()).collect(),
        });
        Ok(Output { cycles: cycles.collect() })
    }
}
