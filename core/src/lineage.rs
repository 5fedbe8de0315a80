//! Where a call stands in the tree of calls: the nodes above it, up to the root. Calls that are not nodes of the graph
//! are passed over.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::identity::{Caller, Identity};

/// Longest path that is read from another process.
const LONGEST: usize = crate::call::MAX_DEPTH as usize + 1;

/// A node, with those above it.
#[derive(Debug)]
pub struct Lineage {
    id: Uuid,
    above: Option<Arc<Lineage>>,
    /// Who made it, where it is a root.
    owner: OnceLock<Caller>,
    /// Its number among the children of its parent, from 0, in the order in which they were made.
    ordinal: u32,
    children: AtomicU32,
    /// No node of the graph: what it calls hangs on what is above it.
    hidden: AtomicBool,
    /// It makes no further calls.
    stopping: AtomicBool,
    /// Another process was told of it, where it may have children.
    told: AtomicBool,
    /// There is a record of it that others may refer to.
    noted: AtomicBool,
    /// The process where it came in, where that is another one.
    elsewhere: Option<Arc<str>>,
}

/// The same on its way to another process of the hub.
#[derive(Serialize, Deserialize)]
pub struct Path {
    /// Nodes from the root to the call.
    ids: Vec<Uuid>,
    /// Its place among the children of its parent.
    #[serde(default)]
    ordinal: u32,
    /// Id of the key that made the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// The process that it comes from.
    node: String,
}

impl Lineage {
    fn new(id: Uuid, above: Option<Arc<Self>>, ordinal: u32) -> Self {
        Self {
            id,
            above,
            owner: OnceLock::new(),
            ordinal,
            children: AtomicU32::new(0),
            hidden: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            told: AtomicBool::new(false),
            noted: AtomicBool::new(false),
            elsewhere: None,
        }
    }

    /// Of a call that nobody made but its caller.
    #[must_use]
    pub fn root(id: Uuid) -> Arc<Self> {
        Arc::new(Self::new(id, None, 0))
    }

    /// Of a call that this one makes.
    #[must_use]
    pub fn child(self: &Arc<Self>, id: Uuid) -> Arc<Self> {
        let parent = self.visible();
        let ordinal = parent.map_or(0, |parent| parent.children.fetch_add(1, Ordering::Relaxed));
        Arc::new(Self::new(id, Some(self.clone()), ordinal))
    }

    /// As another process of the hub tells it; `None` where that is no path.
    #[must_use]
    pub fn read(path: Path) -> Option<Arc<Self>> {
        let Path { ids, ordinal, owner, node } = path;
        if ids.is_empty() || ids.len() > LONGEST {
            return None;
        }
        let node: Arc<str> = node.into();
        let owner = owner.map(|id| Arc::new(Identity { id, ..Identity::default() }));
        ids.into_iter().fold(None, |above, id| {
            let mut one = Self::new(id, above, ordinal);
            one.own(&owner);
            one.elsewhere = Some(node.clone());
            Some(Arc::new(one))
        })
    }

    /// For another process, which is told that it comes from this one.
    #[must_use]
    pub fn path(&self, node: &str) -> Path {
        self.told.store(true, Ordering::Relaxed);
        let mut ids: Vec<Uuid> = self.visible_ones().map(|one| one.id).collect();
        ids.reverse();
        let owner = self.owner().map(|owner| owner.id.clone());
        Path { ids, ordinal: self.ordinal, owner, node: node.to_owned() }
    }

    /// Id of the node.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Itself and what is above, as far as they are nodes of the graph; the root is last.
    pub fn visible_ones(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |one| one.above.as_deref()).filter(|one| !one.is_hidden())
    }

    fn visible(&self) -> Option<&Self> {
        self.visible_ones().next()
    }

    /// The node that made it.
    #[must_use]
    pub fn parent(&self) -> Option<&Self> {
        self.above.as_deref().and_then(Self::visible)
    }

    /// The node at the top; itself where nobody made it.
    #[must_use]
    pub fn root_id(&self) -> Uuid {
        self.visible_ones().last().map_or(self.id, |root| root.id)
    }

    /// How many nodes are above it.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.above.as_deref().map_or(0, |above| above.visible_ones().count())
    }

    /// Whether a call is this one or above it, hidden or not.
    #[must_use]
    pub fn is_within(&self, id: Uuid) -> bool {
        std::iter::successors(Some(self), |one| one.above.as_deref()).any(|one| one.id == id)
    }

    /// Who made the root.
    #[must_use]
    pub fn owner(&self) -> Option<&Identity> {
        let root = std::iter::successors(Some(self), |one| one.above.as_deref()).last()?;
        root.owner.get()?.as_deref()
    }

    /// Says who made it; what was said before stays.
    pub(crate) fn own(&self, caller: &Caller) {
        if self.owner.get().is_none() {
            let _said_by_another = self.owner.set(caller.clone());
        }
    }

    /// Its place among the children of its parent.
    #[must_use]
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// Whether it has made calls, or may have in another process.
    #[must_use]
    pub fn has_children(&self) -> bool {
        self.children.load(Ordering::Relaxed) > 0 || self.told.load(Ordering::Relaxed)
    }

    /// Whether it is no node of the graph.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.hidden.load(Ordering::Relaxed)
    }

    /// Takes it out of the graph, before it makes calls.
    pub(crate) fn hide(&self) {
        self.hidden.store(true, Ordering::Relaxed);
    }

    /// From now on it makes no further calls.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether it, or a call above it, makes no further calls.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        std::iter::successors(Some(self), |one| one.above.as_deref())
            .any(|one| one.stopping.load(Ordering::Acquire))
    }

    /// Whether there is a record of it that others may refer to.
    #[must_use]
    pub fn is_noted(&self) -> bool {
        self.noted.load(Ordering::Acquire)
    }

    /// There is one now.
    pub fn note(&self) {
        self.noted.store(true, Ordering::Release);
    }

    /// The process where it came in, where that is another one, which records it.
    #[must_use]
    pub fn elsewhere(&self) -> Option<&Arc<str>> {
        self.elsewhere.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_calls_are_passed_over() {
        let ids = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3), Uuid::from_u128(4)];
        let root = Lineage::root(ids[0]);
        let gateway = root.child(ids[1]);
        gateway.hide();
        let (first, second) = (gateway.child(ids[2]), gateway.child(ids[3]));
        assert_eq!(second.parent().map(Lineage::id), Some(ids[0]));
        assert_eq!((second.root_id(), second.depth(), first.depth()), (ids[0], 1, 1));
        // The gateway itself has taken the first place.
        assert!(first.ordinal() < second.ordinal());
        assert!(second.is_within(ids[1]) && second.is_within(ids[0]) && !second.is_within(ids[2]));
        gateway.stop();
        assert!(second.is_stopping() && !root.is_stopping());
    }

    #[test]
    fn there_and_back() {
        let owner = Some(Arc::new(Identity { id: "key".into(), ..Identity::default() }));
        let root = Lineage::root(Uuid::from_u128(1));
        root.own(&owner);
        let child = root.child(Uuid::from_u128(2));
        let text = serde_json::to_string(&child.path("node")).expect("JSON");
        let read = Lineage::read(serde_json::from_str(&text).expect("a path")).expect("a path");
        assert_eq!((read.id(), read.root_id(), read.depth()), (Uuid::from_u128(2), Uuid::from_u128(1), 1));
        assert_eq!(read.owner().map(|owner| &*owner.id), Some("key"));
        assert_eq!(read.elsewhere().map(|node| &**node), Some("node"));
        assert!(Lineage::read(serde_json::from_str(r#"{"ids":[],"node":"n"}"#).expect("a path")).is_none());
    }
}
