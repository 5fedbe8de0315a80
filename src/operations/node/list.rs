//! `node.list`

use alkhub_api::{
    node::list::{Error, Input, List, Output},
    shared,
};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    storage::{
        nodes::{self, Node},
        time::{now_ms, rfc3339},
    },
};

impl Handle<List> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let page = nodes::list(&self.database, input.cursor.as_deref(), input.limit.unsigned_abs()).await?;
        let items = page.items.into_iter().map(|node| show(node, &self.node_id)).collect();
        Ok(Output { items, next_cursor: page.next_cursor })
    }
}

fn show(node: Node, here: &str) -> shared::Node {
    let now = now_ms();
    shared::Node {
        here: node.id == here,
        lease: if node.is_late(now) { shared::NodeLease::Late } else { shared::NodeLease::Live },
        lease_ends_at: rfc3339(node.lease_ends_at()),
        uptime_ms: now.saturating_sub(node.started_at).max(0),
        started_at: rfc3339(node.started_at),
        seen_at: rfc3339(node.seen_at),
        node_id: node.id,
        name: node.name,
        address: node.address,
        version: node.version,
        epoch: node.epoch,
        spokes: node.spokes,
    }
}
