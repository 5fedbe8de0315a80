//! Registering: whose id it is, what of its operations is usable, and all of it in place at once.

use std::sync::{Arc, atomic::AtomicBool};

use alkhub_core::{
    CallError, Identity, Peer, Registry,
    call::now_ms,
    registry::{Entry, Registered},
};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::{
    DISCONNECTED, Place, Spoke, Spokes, State, capability::Capability, forward::Direct, spoke::Vitals,
};
use crate::{
    convert::{signed, unsigned},
    storage::spoke_homes::{self, Home},
};

/// So many times the operations that a spoke may have are read, in search of usable ones.
const MOST_USELESS: usize = 8;

/// What a spoke asks for.
pub struct Registration {
    /// The id that it would like.
    pub spoke_id: Option<String>,
    /// What kind of machine it is.
    pub kind: String,
    /// What it offers, as far as it can be used.
    pub offer: Offer,
    /// Free data.
    pub metadata: Option<Map<String, Value>>,
}

/// The operations that can be called, and what is wrong with the others.
pub struct Offer {
    operations: Vec<Arc<Registered>>,
    /// Their descriptions, where other processes are to read them.
    texts: Vec<String>,
    /// Ids with what is wrong.
    rejected: Vec<(String, String)>,
}

/// What the database has said of it.
struct Entered {
    epoch: u64,
    connected_ms: u64,
    node: Arc<str>,
}

/// What it got.
pub struct Welcome {
    /// The spoke as it is now known.
    pub spoke: Arc<Spoke>,
    /// Ids without the prefix.
    pub accepted: Vec<String>,
    /// Ids with what is wrong.
    pub rejected: Vec<(String, String)>,
}

/// Why a spoke cannot have its id.
#[derive(Debug)]
pub enum Refused {
    /// Another key has it, or the hub itself, or a service that is imported.
    Taken,
    /// The key is for ids of these patterns.
    Forbidden(Vec<String>),
    /// A newer registration of the same id is in place already.
    Overtaken,
}

impl Spokes {
    /// Registers what a connection offers, in place of what it offered before. A newer connection of the same key
    /// replaces an older one of the same id.
    ///
    /// # Errors
    /// Why it cannot have the id.
    pub fn register(
        &self,
        peer: &Peer,
        owner: &Identity,
        wanted: Registration,
        registry: &Registry,
    ) -> Result<Welcome, Refused> {
        self.place(peer, owner, wanted, None, registry)
    }

    /// Registers, where several processes work together in all of them: only one has a spoke of this id.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR of the database; within, why it cannot have the id.
    pub async fn enter(
        &self,
        peer: &Peer,
        owner: &Identity,
        mut wanted: Registration,
        registry: &Registry,
    ) -> Result<Result<Welcome, Refused>, CallError> {
        let Some(homes) = self.inner.homes.get() else {
            return Ok(self.place(peer, owner, wanted, None, registry));
        };
        let (id, connected_ms) = {
            let state = self.inner.state.lock();
            match self.intended(&state, peer, owner, &wanted, registry) {
                Ok(id) => {
                    (id, state.by_peer.get(&peer.number()).map_or_else(now_ms, |before| before.connected_ms))
                }
                Err(refused) => return Ok(Err(refused)),
            }
        };
        wanted.spoke_id = Some(id.to_string());
        let metadata = wanted.metadata.as_ref().map(serde_json::to_string).transpose();
        let home = Home {
            spoke_id: id.to_string(),
            node_id: String::new(),
            epoch: 0,
            key_id: owner.id.clone(),
            spoke_type: wanted.kind.clone(),
            connected_at: signed(connected_ms),
            operations: format!("[{}]", wanted.offer.texts.join(",")),
            metadata: metadata.map_err(|error| CallError::internal(&error))?,
        };
        let Some(claim) = homes.claim(home, owner.is_admin()).await? else { return Ok(Err(Refused::Taken)) };
        let entered = Entered { epoch: unsigned(claim.epoch), connected_ms, node: homes.node_id() };
        // Where it is refused after all, the next look takes it out again.
        Ok(self.place(peer, owner, wanted, Some(entered), registry))
    }

    /// The id that a spoke is to have.
    fn intended(
        &self,
        state: &State,
        peer: &Peer,
        owner: &Identity,
        wanted: &Registration,
        registry: &Registry,
    ) -> Result<Arc<str>, Refused> {
        let id: Arc<str> = match (&wanted.spoke_id, state.by_peer.get(&peer.number())) {
            (Some(id), _) => id.as_str().into(),
            (None, Some(before)) => before.id.clone(),
            (None, None) => invented(owner).into(),
        };
        may_have(owner, &id)?;
        if registry.is_no_spokes(&id) {
            return Err(Refused::Taken);
        }
        // Of those that are elsewhere the database knows more.
        let other = state.by_id.get(&id).filter(|held| held.peer().is_some_and(|held| !held.is(peer)));
        if other.is_some_and(|other| other.key_id != owner.id) && !owner.is_admin() {
            return Err(Refused::Taken);
        }
        Ok(id)
    }

    fn place(
        &self,
        peer: &Peer,
        owner: &Identity,
        wanted: Registration,
        entered: Option<Entered>,
        registry: &Registry,
    ) -> Result<Welcome, Refused> {
        let mut state = self.inner.state.lock();
        let before = state.by_peer.get(&peer.number()).cloned();
        let id = self.intended(&state, peer, owner, &wanted, registry)?;
        let other =
            state.by_id.get(&id).filter(|held| held.peer().is_none_or(|held| !held.is(peer))).cloned();
        if let Some(entered) = &entered
            && before.iter().chain(&other).any(|held| held.id == id && held.epoch > entered.epoch)
        {
            drop(state);
            // One of the same connection has merely been faster.
            if before.is_none_or(|before| before.id != id) {
                peer.close(4409, "replaced by a newer connection of this spoke");
            }
            return Err(Refused::Overtaken);
        }
        let Offer { operations, rejected, .. } = wanted.offer;
        let accepted = operations.iter().map(|operation| operation.plain_id()).collect();
        let spoke = Arc::new(Spoke {
            id,
            kind: wanted.kind,
            key_id: owner.id.clone(),
            connected_ms: match (&entered, &before) {
                (Some(entered), _) => entered.connected_ms,
                (None, Some(before)) => before.connected_ms,
                (None, None) => now_ms(),
            },
            epoch: match (&entered, &before) {
                (Some(entered), _) => entered.epoch,
                (None, Some(before)) => before.epoch,
                (None, None) => self.next_epoch(),
            },
            node: entered.map(|entered| entered.node),
            metadata: wanted.metadata,
            place: Place::Here(peer.clone()),
            operations,
            // What it says of itself does not change with what it offers.
            vitals: Mutex::new(
                before.as_ref().map_or_else(Vitals::default, |before| before.vitals.lock().clone()),
            ),
            gone: AtomicBool::new(false),
        });
        for old in before.iter().chain(&other) {
            if let Some(peer) = old.peer() {
                state.by_peer.remove(&peer.number());
            }
            self.take_away(&mut state, old, registry);
        }
        self.put_in_place(&mut state, &spoke, registry);
        drop(state);
        peer.name_end(DISCONNECTED);
        if let Some(before) = before.filter(|before| before.id != spoke.id) {
            self.released(&before);
        }
        // Where there are other processes, the claim has told of it.
        if self.inner.homes.get().is_none() {
            self.tell(spoke_homes::CONNECTED, &spoke);
        }
        if let Some(other) = other {
            tracing::info!(spoke = &*other.id, "replaced by a newer connection");
            other.end(4409, "replaced by a newer connection of this spoke");
        }
        // A connection that ended meanwhile has been taken away before it was put in place.
        if peer.closed().is_cancelled() {
            self.leave(peer, registry);
        }
        Ok(Welcome { spoke, accepted, rejected })
    }

    pub(super) fn put_in_place(&self, state: &mut State, spoke: &Arc<Spoke>, registry: &Registry) {
        let entries = spoke.operations.iter().map(|operation| {
            let handler = Arc::new(Direct { spoke: spoke.clone(), operation: operation.clone() });
            let id = format!("{}.{}", spoke.id, operation.plain_id());
            Entry::registered(&id, operation.clone(), Some(spoke.id.clone()), handler)
        });
        registry.exchange(&[], entries.collect());
        for operation in &spoke.operations {
            let plain = operation.plain_id();
            let capabilities = state.capabilities.entry(plain.clone()).or_default();
            if let Some(known) = capabilities.iter().find(|known| Arc::ptr_eq(&known.operation, operation)) {
                known.add(spoke);
                continue;
            }
            let capability = Capability::new(operation.clone());
            capability.add(spoke);
            capabilities.push(capability);
            registry.share(&plain, capabilities.iter().map(|capability| capability.entry(&plain)).collect());
        }
        if let Some(peer) = spoke.peer() {
            state.by_peer.insert(peer.number(), spoke.clone());
        }
        state.by_id.insert(spoke.id.clone(), spoke.clone());
    }

    /// Reads descriptions and compiles their schemas, which takes a while: not for a thread that others wait for.
    #[must_use]
    pub fn read(&self, specs: &[Value], registry: &Registry) -> Offer {
        let limits = self.limits();
        let (mut usable, mut rejected) = (Vec::<Arc<Registered>>::new(), Vec::new());
        let (shared, mut texts) = (self.inner.homes.get().is_some(), Vec::new());
        let mut seen = std::collections::HashSet::new();
        for (index, spec) in specs.iter().enumerate() {
            let text = spec.to_string();
            let read = if usable.len() >= limits.operations || index >= limits.operations * MOST_USELESS {
                Err(format!("a spoke may register {} operations", limits.operations))
            } else {
                self.inner.interned.read(&text, limits.spec)
            };
            let checked = read.and_then(|operation| {
                let id = operation.plain_id();
                if registry.get(&id).is_some() {
                    Err("the hub has an operation of this id".to_owned())
                } else if seen.insert(id) {
                    Ok(operation)
                } else {
                    Err("the id stands twice in this registration".to_owned())
                }
            });
            match checked {
                Ok(operation) => {
                    usable.push(operation);
                    if shared {
                        texts.push(text);
                    }
                }
                Err(reason) => rejected.push((named(spec, index), reason)),
            }
        }
        Offer { operations: usable, texts, rejected }
    }
}

/// How a spec that cannot be used is spoken of.
fn named(spec: &Value, index: usize) -> String {
    match (spec["namespace"].as_str(), spec["name"].as_str()) {
        (Some(namespace), Some(name)) => format!("{namespace}.{name}").chars().take(201).collect(),
        _ => format!("operations[{index}]"),
    }
}

/// An id for a spoke that brings none.
fn invented(owner: &Identity) -> String {
    let letters: String = owner.id.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("spoke-{}-{:08x}", letters.to_lowercase(), rand::random::<u32>())
}

/// A key with resources `spoke:<pattern>` and the action `connect` is for such ids alone; `*` stands for any letters.
fn may_have(owner: &Identity, id: &str) -> Result<(), Refused> {
    if owner.is_admin() {
        return Ok(());
    }
    let patterns: Vec<&str> = patterns(owner).collect();
    if patterns.is_empty() || patterns.iter().any(|pattern| fits(pattern, id)) {
        return Ok(());
    }
    Err(Refused::Forbidden(patterns.into_iter().map(str::to_owned).collect()))
}

/// The patterns of spoke ids that a key is limited to; none where it is not limited.
pub(crate) fn patterns(owner: &Identity) -> impl Iterator<Item = &str> {
    let resources = owner.resources.iter();
    resources
        .filter(|(_, actions)| actions.iter().any(|action| action == "connect"))
        .filter_map(|(key, _)| key.strip_prefix("spoke:"))
}

fn fits(pattern: &str, id: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == id };
    let Some(mut left) = id.strip_prefix(first) else { return false };
    let parts: Vec<&str> = rest.split('*').collect();
    let Some((last, middle)) = parts.split_last() else { return true };
    for part in middle {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_of_ids() {
        for (pattern, id, expected) in [
            ("dev", "dev", true),
            ("dev", "dev2", false),
            ("dev-*", "dev-1", true),
            ("dev-*", "dev", false),
            ("*", "anything", true),
            ("*-gpu", "a-gpu", true),
            ("*-gpu", "a-gpu-b", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, id), expected, "{pattern} {id}");
        }
    }
}
