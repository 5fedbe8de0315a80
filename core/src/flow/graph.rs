//! The operation graph: an index from names of types to what takes and gives them. Edges are found when somebody asks, and
//! schemas are compared once for each pair that differs, however many operations share them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::{
    Fit, fit,
    profile::{Profile, Shape},
};
use crate::{Registry, registry::Entry, validate::child};

/// Verdicts that are kept; more begin anew.
const VERDICTS: usize = 200_000;

/// Where one begins or wants to get to.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// An operation, by id.
    Operation(&'a str),
    /// A type or format by name, such as `Project` or `uri`.
    Type(&'a str),
}

/// An input that an output feeds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binding {
    /// Whether the input has to be there.
    pub required: bool,
    /// JSON Pointer into the input.
    pub input: String,
    /// JSON Pointer into the output, or into the thing of the type that one begins with.
    pub output: String,
    /// Name by which they meet.
    pub anchor: String,
}

/// One operation that can follow.
#[derive(Clone)]
pub struct Edge {
    /// The operation that follows.
    pub to: Arc<Entry>,
    /// What feeds it.
    pub bindings: Vec<Binding>,
    /// Required inputs that have to come from elsewhere.
    pub missing: Vec<String>,
}

struct Node {
    entry: Arc<Entry>,
    profile: Arc<Profile>,
}

/// Those that take a shape by a name.
struct Group {
    shape: Shape,
    /// Operation, property, whether it is required.
    takers: BTreeSet<(String, String, bool)>,
}

/// The graph over the operations of a registry.
#[derive(Default)]
pub struct Graph {
    generation: Option<u64>,
    nodes: BTreeMap<String, Node>,
    /// By name, then by shape.
    takers: HashMap<String, BTreeMap<u64, Group>>,
    verdicts: Mutex<HashMap<(u64, u64), bool>>,
    comparisons: AtomicU64,
}

impl Graph {
    /// Whether the graph shows the registry as it is now.
    #[must_use]
    pub fn is_current(&self, registry: &Registry) -> bool {
        self.generation == Some(registry.generation())
    }

    /// Brings the graph to what the registry is now: what has come and gone costs, what stayed does not.
    pub fn follow(&mut self, registry: &Registry) {
        let generation = registry.generation();
        let now = registry.all();
        let same = |node: &Node, entry: &Arc<Entry>| Arc::ptr_eq(&node.entry, entry);
        let held: HashSet<usize> = now.iter().map(|entry| Arc::as_ptr(entry) as usize).collect();
        let gone = self.nodes.iter().filter(|(_, node)| !held.contains(&(Arc::as_ptr(&node.entry) as usize)));
        let gone: Vec<String> = gone.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.take_out(&id);
        }
        // Spokes of a kind register equal operations, whose schemas are read once.
        let mut read: HashMap<(String, String), Arc<Profile>> = HashMap::new();
        for entry in now {
            if self.nodes.get(entry.id()).is_some_and(|node| same(node, &entry)) {
                continue;
            }
            let texts = (entry.input_schema().to_owned(), entry.output_schema().to_owned());
            let profile =
                read.entry(texts).or_insert_with_key(|(input, output)| Arc::new(Profile::new(input, output)));
            self.put_in(entry, profile.clone());
        }
        self.generation = Some(generation);
    }

    fn put_in(&mut self, entry: Arc<Entry>, profile: Arc<Profile>) {
        let id = entry.id().to_owned();
        for take in &profile.takes {
            for anchor in &take.anchors {
                let groups = self.takers.entry(anchor.clone()).or_default();
                let group = groups
                    .entry(take.shape.hash)
                    .or_insert_with(|| Group { shape: take.shape.clone(), takers: BTreeSet::new() });
                group.takers.insert((id.clone(), take.property.clone(), take.required));
            }
        }
        self.nodes.insert(id, Node { entry, profile });
    }

    fn take_out(&mut self, id: &str) {
        let Some(node) = self.nodes.remove(id) else { return };
        for take in &node.profile.takes {
            for anchor in &take.anchors {
                let Some(groups) = self.takers.get_mut(anchor) else { continue };
                if let Some(group) = groups.get_mut(&take.shape.hash) {
                    group.takers.remove(&(id.to_owned(), take.property.clone(), take.required));
                    if group.takers.is_empty() {
                        groups.remove(&take.shape.hash);
                    }
                }
                if groups.is_empty() {
                    self.takers.remove(anchor);
                }
            }
        }
    }

    /// How often two schemas have been compared.
    #[must_use]
    pub fn comparisons(&self) -> u64 {
        self.comparisons.load(Ordering::Relaxed)
    }

    /// Operations by id, after `after`, with what they take and give.
    pub fn operations<'a>(
        &'a self,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'a Arc<Entry>, &'a Profile)> {
        use std::ops::Bound;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.nodes.range::<str, _>((start, Bound::Unbounded)).map(|(_, node)| (&node.entry, &*node.profile))
    }

    /// Whether there is an operation of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Entry>> {
        self.nodes.get(id).map(|node| &node.entry)
    }

    fn fits(&self, given: &Shape, taken: &Shape) -> bool {
        if given.hash == taken.hash {
            return true;
        }
        let pair = (given.hash, taken.hash);
        if let Some(known) = self.verdicts.lock().get(&pair) {
            return *known;
        }
        self.comparisons.fetch_add(1, Ordering::Relaxed);
        let fits = fit(&given.schema, &taken.schema) == Fit::Yes;
        let mut verdicts = self.verdicts.lock();
        if verdicts.len() >= VERDICTS {
            verdicts.clear();
        }
        verdicts.insert(pair, fits);
        fits
    }

    /// What a place gives: pointer, name, and where it is known the shape.
    fn given<'a>(&'a self, from: Place<'a>) -> Vec<(String, String, Option<&'a Shape>)> {
        match from {
            Place::Operation(id) => {
                let gives = self.nodes.get(id).map(|node| &node.profile.gives[..]).unwrap_or_default();
                gives
                    .iter()
                    .map(|give| (give.pointer.clone(), give.anchor.clone(), Some(&give.shape)))
                    .collect()
            }
            Place::Type(name) => {
                vec![(String::new(), name.to_owned(), None), ("/id".to_owned(), format!("{name}.id"), None)]
            }
        }
    }

    /// What can follow, by id after `after`, at the most `limit`, as far as `visible` lets it through.
    #[must_use]
    pub fn successors(
        &self,
        from: Place<'_>,
        after: Option<&str>,
        limit: usize,
        visible: impl Fn(&Entry) -> bool,
    ) -> Vec<Edge> {
        let mut found: BTreeMap<&str, BTreeMap<&str, Binding>> = BTreeMap::new();
        for (pointer, anchor, shape) in self.given(from) {
            for group in self.takers.get(&anchor).into_iter().flat_map(BTreeMap::values) {
                if shape.is_some_and(|shape| !self.fits(shape, &group.shape)) {
                    continue;
                }
                for (id, property, required) in &group.takers {
                    if after.is_some_and(|after| id.as_str() <= after) {
                        continue;
                    }
                    // The outermost place that fits feeds an input.
                    found.entry(id).or_default().entry(property).or_insert_with(|| Binding {
                        required: *required,
                        input: child("", property),
                        output: pointer.clone(),
                        anchor: anchor.clone(),
                    });
                }
            }
        }
        let edges = found.into_iter().filter_map(|(id, bindings)| {
            let node = self.nodes.get(id).filter(|node| visible(&node.entry))?;
            Some(Self::edge(node, bindings.into_values().collect()))
        });
        edges.take(limit).collect()
    }

    fn edge(node: &Node, mut bindings: Vec<Binding>) -> Edge {
        bindings.sort_by_key(|binding| !binding.required);
        let fed = |property: &str| {
            let pointer = child("", property);
            bindings.iter().any(|binding| binding.input == pointer)
        };
        let missing = node.profile.takes.iter().filter(|take| take.required && !fed(&take.property));
        let missing = missing.map(|take| take.property.clone()).collect();
        Edge { to: node.entry.clone(), bindings, missing }
    }

    /// The shortest way, by inputs that have to be there if there is one; the first of equals by id. An operation that one
    /// begins with is the first step. `None` where there is no way.
    #[must_use]
    pub fn path(
        &self,
        from: Place<'_>,
        to: Place<'_>,
        visible: impl Fn(&Entry) -> bool,
    ) -> Option<Vec<Edge>> {
        self.search(from, to, true, &visible).or_else(|| self.search(from, to, false, &visible))
    }

    fn search(
        &self,
        from: Place<'_>,
        to: Place<'_>,
        required: bool,
        visible: &impl Fn(&Entry) -> bool,
    ) -> Option<Vec<Edge>> {
        let mut came: HashMap<&str, Option<&str>> = HashMap::new();
        let (mut expanded, mut consumed) = (HashSet::new(), HashSet::new());
        let mut queue: VecDeque<Option<&str>> = VecDeque::new();
        match from {
            Place::Operation(id) => {
                let (id, node) = self.nodes.get_key_value(id)?;
                if !visible(&node.entry) {
                    return None;
                }
                came.insert(id, None);
                queue.push_back(Some(id));
            }
            Place::Type(_) => queue.push_back(None),
        }
        while let Some(at) = queue.pop_front() {
            if let Some(id) = at.filter(|id| self.reaches(id, to)) {
                return Some(self.way(from, id, &came));
            }
            let mut next = BTreeSet::new();
            for (_, anchor, shape) in self.given(at.map_or(from, Place::Operation)) {
                if !expanded.insert((anchor.clone(), shape.map(|shape| shape.hash))) {
                    continue;
                }
                for (hash, group) in self.takers.get(&anchor).into_iter().flatten() {
                    if shape.is_some_and(|shape| !self.fits(shape, &group.shape))
                        || !consumed.insert((anchor.clone(), *hash))
                    {
                        continue;
                    }
                    let takers = group.takers.iter().filter(|(.., needed)| *needed || !required);
                    next.extend(takers.map(|(id, ..)| id.as_str()));
                }
            }
            for id in next {
                if !came.contains_key(id) && self.nodes.get(id).is_some_and(|node| visible(&node.entry)) {
                    came.insert(id, at);
                    queue.push_back(Some(id));
                }
            }
        }
        None
    }

    fn reaches(&self, id: &str, to: Place<'_>) -> bool {
        match to {
            Place::Operation(wanted) => id == wanted,
            Place::Type(name) => self
                .nodes
                .get(id)
                .is_some_and(|node| node.profile.gives.iter().any(|give| give.anchor == name)),
        }
    }

    fn way(&self, from: Place<'_>, to: &str, came: &HashMap<&str, Option<&str>>) -> Vec<Edge> {
        let (mut edges, mut at) = (Vec::new(), Some(to));
        while let Some(id) = at {
            let before = came.get(id).copied().flatten();
            let place = match (before, from) {
                (Some(before), _) => Some(Place::Operation(before)),
                (None, Place::Type(_)) => Some(from),
                (None, Place::Operation(_)) => None,
            };
            let Some(node) = self.nodes.get(id) else { break };
            let bindings = place.map(|place| self.between(place, node)).unwrap_or_default();
            edges.push(Self::edge(node, bindings));
            at = before;
        }
        edges.reverse();
        edges
    }

    /// What of a place feeds one operation.
    fn between(&self, from: Place<'_>, node: &Node) -> Vec<Binding> {
        let given = self.given(from);
        let takes = node.profile.takes.iter().filter_map(|take| {
            let (pointer, anchor, _) = given.iter().find(|(_, anchor, shape)| {
                take.anchors.contains(anchor) && shape.is_none_or(|shape| self.fits(shape, &take.shape))
            })?;
            Some(Binding {
                required: take.required,
                input: child("", &take.property),
                output: pointer.clone(),
                anchor: anchor.clone(),
            })
        });
        takes.collect()
    }

    /// Sets of operations of which each leads to each by inputs that have to be there, the largest first.
    #[must_use]
    pub fn cycles(&self, visible: impl Fn(&Entry) -> bool) -> Vec<Vec<Arc<Entry>>> {
        let mut links: petgraph::graph::DiGraph<Option<&Node>, ()> = petgraph::graph::DiGraph::new();
        // Names and shapes stand between operations, so that the links are as many as the places, not their pairs.
        let mut groups = HashMap::new();
        let mut sources = HashMap::new();
        let seen: Vec<&Node> = self.nodes.values().filter(|node| visible(&node.entry)).collect();
        let numbers: Vec<_> = seen.iter().map(|node| links.add_node(Some(*node))).collect();
        for (node, number) in seen.iter().zip(&numbers) {
            for take in node.profile.takes.iter().filter(|take| take.required) {
                for anchor in &take.anchors {
                    let key = (anchor.as_str(), take.shape.hash);
                    let group = *groups.entry(key).or_insert_with(|| links.add_node(None));
                    links.add_edge(group, *number, ());
                }
            }
        }
        for (node, number) in seen.iter().zip(&numbers) {
            for give in &node.profile.gives {
                let key = (give.anchor.as_str(), give.shape.hash);
                if let Some(source) = sources.get(&key) {
                    links.add_edge(*number, *source, ());
                    continue;
                }
                let source = links.add_node(None);
                sources.insert(key, source);
                links.add_edge(*number, source, ());
                for (hash, taken) in self.takers.get(&give.anchor).into_iter().flatten() {
                    if let Some(group) = groups.get(&(give.anchor.as_str(), *hash))
                        && self.fits(&give.shape, &taken.shape)
                    {
                        links.add_edge(source, *group, ());
                    }
                }
            }
        }
        let mut cycles = Vec::new();
        for component in petgraph::algo::kosaraju_scc(&links) {
            // One operation alone has others beside it only where it feeds itself.
            let looped = component.len() > 1;
            let mut members: Vec<_> =
                component.into_iter().filter_map(|at| links[at].map(|node| node.entry.clone())).collect();
            if looped && !members.is_empty() {
                members.sort_by(|a, b| a.id().cmp(b.id()));
                cycles.push(members);
            }
        }
        cycles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a[0].id().cmp(b[0].id())));
        cycles
    }
}
