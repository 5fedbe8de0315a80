//! A recorded call with all below it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use alkhub_core::CallError;
use uuid::Uuid;

use super::impossible;
use crate::storage::{
    Database,
    calls::{self, Body, Kept, Row, id},
};

/// Most calls of a tree that is replayed.
const MOST: usize = 10_000;
/// Most bytes of their inputs and outputs.
const BYTES: usize = 64 * 1024 * 1024;
/// Longest chain of replays of replays.
const GENERATIONS: usize = 64;

/// A recorded call.
pub(super) struct Node {
    pub(super) row: Row,
    pub(super) kept: Kept,
    /// The first of the calls that it repeats; itself where it repeats none.
    pub(super) seed: Uuid,
    /// When that one began.
    pub(super) began_ms: u64,
    pub(super) children: Vec<Arc<Node>>,
}

impl Node {
    /// Whether a call is below it.
    pub(super) fn has(&self, below: Uuid) -> bool {
        self.children.iter().any(|child| id(&child.row.id) == below || child.has(below))
    }
}

/// Reads a call with all below it.
pub(super) async fn load(database: &Database, top: Row) -> Result<Arc<Node>, CallError> {
    let below = calls::tree(database, &top, MOST as u64).await?;
    if below.len() >= MOST {
        return Err(impossible(&top, "tooMany", &format!("led to more than {MOST} calls.")));
    }
    let rows = calls::in_order(top.clone(), below);
    let ids: Vec<Uuid> = rows.iter().map(|row| id(&row.id)).collect();
    let mut bodies = HashMap::with_capacity(ids.len());
    let mut bytes = 0;
    for part in ids.chunks(200) {
        for (of, kept) in calls::bodies(database, part).await? {
            let texts = [&kept.input, &kept.output].into_iter().filter_map(Body::text);
            bytes += texts.map(|text| text.len()).sum::<usize>();
            bodies.insert(of, kept);
        }
        if bytes > BYTES {
            return Err(impossible(&top, "tooMany", "has inputs and outputs that are too large together."));
        }
    }
    let firsts = firsts(database, &rows).await?;
    // Parents come before their children, so that the last has none.
    let mut waiting: HashMap<Vec<u8>, Vec<Arc<Node>>> = HashMap::new();
    let mut made = None;
    for row in rows.into_iter().rev() {
        let kept: Kept = bodies.remove(&id(&row.id)).unwrap_or_default();
        let mut children = waiting.remove(&row.id).unwrap_or_default();
        children.reverse();
        let (seed, began) = firsts.get(&row.id).copied().unwrap_or_else(|| (id(&row.id), row.started_at));
        let parent = row.parent_id.clone().unwrap_or_default();
        let began_ms = u64::try_from(began).unwrap_or(0);
        let node = Arc::new(Node { row, kept, seed, began_ms, children });
        waiting.entry(parent).or_default().push(node.clone());
        made = Some(node);
    }
    made.ok_or_else(|| impossible(&top, "notRecorded", "is not kept any more."))
}

/// Of calls that repeat others: the first of these, and when it began.
async fn firsts(database: &Database, rows: &[Row]) -> Result<HashMap<Vec<u8>, (Uuid, i64)>, CallError> {
    let mut at: HashMap<Vec<u8>, Vec<u8>> =
        rows.iter().filter_map(|row| Some((row.id.clone(), row.origin_id.clone()?))).collect();
    let mut firsts = HashMap::new();
    for _ in 0..GENERATIONS {
        if at.is_empty() {
            return Ok(firsts);
        }
        let wanted: HashSet<&Vec<u8>> = at.values().collect();
        let wanted: Vec<Uuid> = wanted.into_iter().map(|key| id(key)).collect();
        let mut origins = HashMap::with_capacity(wanted.len());
        for part in wanted.chunks(200) {
            origins
                .extend(calls::several(database, part).await?.into_iter().map(|row| (row.id.clone(), row)));
        }
        let mut next = HashMap::new();
        for (of, origin) in at {
            let Some(row) = origins.get(&origin) else {
                let Some(row) = rows.iter().find(|row| row.id == of) else { continue };
                return Err(impossible(row, "originGone", "repeats a call that is not kept any more."));
            };
            match &row.origin_id {
                Some(further) => drop(next.insert(of, further.clone())),
                None => drop(firsts.insert(of, (id(&row.id), row.started_at))),
            }
        }
        at = next;
    }
    Err(match rows.first() {
        Some(row) => impossible(row, "tooMany", "is the replay of too many replays."),
        None => CallError::internal(&"a tree without calls"),
    })
}
