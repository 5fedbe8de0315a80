//! Spokes that are connected to other processes of the hub: known from the database, called through the processes that
//! have them.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use alkhub_core::{
    Call, CallError, ItemStream, Peer, Registry,
    engine::{Answer, Output},
    error::codes,
    peer::Outgoing,
    registry::Registered,
};
use futures::StreamExt;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::{
    DISCONNECTED, Place, Reported, Spoke, Spokes,
    spoke::{There, Vitals},
};
use crate::{
    cluster::Homes,
    convert::{signed, unsigned},
    storage::spoke_homes::Seen,
};

/// What came of a look at the homes of all spokes.
pub struct Settled {
    /// Rows of this process, spoke and epoch, that do not agree with what is connected here.
    pub doubtful: Vec<(String, i64)>,
    /// Whether nothing was missing that has to be read again.
    pub complete: bool,
}

impl Spokes {
    /// From now on other processes know of the spokes of this one, and this one of theirs.
    pub fn share(&self, homes: Homes) {
        let _ = self.inner.homes.set(homes);
    }

    /// How busy the spokes of this process are.
    #[must_use]
    pub fn report(&self) -> Vec<Reported> {
        let ours: Vec<_> = self.inner.state.lock().by_peer.values().cloned().collect();
        ours.iter().map(|spoke| spoke.report()).collect()
    }

    /// Keeps what another process says of a spoke that is connected to it.
    pub fn reported(&self, node: &str, said: Reported) {
        let Some(spoke) = self.get(&said.id) else { return };
        if matches!(&spoke.place, Place::There(there) if *there.node == *node) && spoke.epoch == said.epoch {
            *spoke.vitals.lock() = Vitals { load: said.load, status: said.status, calls: said.calls };
        }
    }

    /// Brings what is known here to what the database says: all homes in processes that live, and the revision that
    /// they are at least at. Where this process has `withdrawn`, nothing is said of its own spokes.
    #[must_use]
    pub fn settle(&self, homes: &[Seen], revision: i64, withdrawn: bool, registry: &Registry) -> Settled {
        let mut settled = Settled { doubtful: Vec::new(), complete: true };
        let Some(own) = self.inner.homes.get() else { return settled };
        let here = own.node_id();
        let by_id: HashMap<&str, &Seen> = homes.iter().map(|home| (&*home.spoke_id, home)).collect();
        if !withdrawn {
            self.part(&by_id, &here, revision, registry);
        }
        let mut state = self.inner.state.lock();
        let mut carried = HashMap::new();
        let known: Vec<_> = state.by_id.values().cloned().collect();
        for spoke in known {
            let Place::There(there) = &spoke.place else { continue };
            let home = by_id.get(&*spoke.id).filter(|home| *home.node_id == *there.node);
            match home {
                Some(home) if home.epoch == signed(spoke.epoch) => continue,
                // The same connection has registered again.
                Some(home) if home.connected_at == signed(spoke.connected_ms) => {
                    carried.insert(spoke.id.clone(), there.calls.clone());
                }
                // What waits for it goes on: its process answers when it is over, and where that is gone the link ends.
                _ => {}
            }
            self.take_away(&mut state, &spoke, registry);
        }
        drop(state);
        for home in homes.iter().filter(|home| *home.node_id != *here) {
            if self.get(&home.spoke_id).is_none() && !registry.is_no_spokes(&home.spoke_id) {
                settled.complete &= self.add(home, own, carried.remove(&*home.spoke_id), registry);
            }
        }
        let doubtful = homes.iter().filter(|home| *home.node_id == *here).filter(|home| {
            let held = self.get(&home.spoke_id).filter(|spoke| spoke.peer().is_some());
            held.is_none_or(|spoke| signed(spoke.epoch) < home.epoch)
        });
        settled.doubtful = doubtful.map(|home| (home.spoke_id.clone(), home.epoch)).collect();
        settled
    }

    /// Whether a row of this process has no connection behind it, where no claim is on its way: that connection ended
    /// while it was entered, or the answer to its claim was lost. Then the one of this id that is connected here, if
    /// any, offers something else than the row says, and is told to come back.
    #[must_use]
    pub fn is_unfounded(&self, spoke_id: &str, epoch: i64, registry: &Registry) -> bool {
        let Some(held) = self.get(spoke_id) else { return true };
        let Some(peer) = held.peer() else { return true };
        if signed(held.epoch) >= epoch {
            return false;
        }
        tracing::info!(spoke = spoke_id, "parted from a spoke whose registration was not confirmed");
        self.leave(peer, registry);
        held.end(1012, "the registration was not confirmed; connect again");
        true
    }

    /// Parts from spokes of this process that have a newer connection elsewhere, or that were forgotten.
    fn part(&self, homes: &HashMap<&str, &Seen>, own: &str, revision: i64, registry: &Registry) {
        let ours: Vec<_> = self.inner.state.lock().by_peer.values().cloned().collect();
        for spoke in ours {
            let Some(peer) = spoke.peer() else { continue };
            // Registering again over the same connection is no other connection, though the row is ahead for a moment.
            let same = |home: &Seen| *home.node_id == *own && home.connected_at == signed(spoke.connected_ms);
            let end = match homes.get(&*spoke.id) {
                Some(home) if home.epoch > signed(spoke.epoch) && !same(home) => {
                    (4409, "replaced by a newer connection of this spoke")
                }
                // 1012: service restart.
                None if signed(spoke.epoch) <= revision => {
                    (1012, "this process of the hub was taken for dead; connect again")
                }
                _ => continue,
            };
            tracing::info!(spoke = &*spoke.id, why = end.1, "parted from a spoke");
            self.leave(peer, registry);
            spoke.end(end.0, end.1);
        }
    }

    /// Puts a spoke elsewhere in place; `false` where the home does not say what it offers, and all is to be read again.
    fn add(&self, home: &Seen, own: &Homes, carried: Option<Arc<AtomicUsize>>, registry: &Registry) -> bool {
        let Some(operations) = &home.operations else { return false };
        let node: Arc<str> = home.node_id.as_str().into();
        let calls = carried.unwrap_or_default();
        let there = There { node: node.clone(), links: own.links().clone(), calls };
        let spoke = Arc::new(Spoke {
            id: home.spoke_id.as_str().into(),
            kind: home.spoke_type.clone(),
            key_id: home.key_id.clone(),
            connected_ms: unsigned(home.connected_at),
            epoch: unsigned(home.epoch),
            metadata: home.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            place: Place::There(there),
            operations: self.described(&home.spoke_id, operations, registry),
            node: Some(node),
            vitals: Mutex::new(Vitals::default()),
            gone: AtomicBool::new(false),
        });
        let mut state = self.inner.state.lock();
        // It may have connected here meanwhile.
        if !state.by_id.contains_key(&spoke.id) {
            self.put_in_place(&mut state, &spoke, registry);
        }
        true
    }

    fn described(&self, spoke_id: &str, operations: &str, registry: &Registry) -> Vec<Arc<Registered>> {
        let texts: Vec<&RawValue> = serde_json::from_str(operations).unwrap_or_default();
        let read = texts.iter().map(|text| self.inner.interned.read(text.get(), self.limits().spec));
        let usable = read.filter_map(|read| {
            read.inspect_err(|reason| tracing::warn!(spoke = spoke_id, reason, "an operation was left")).ok()
        });
        usable.filter(|operation| registry.get(&operation.plain_id()).is_none()).collect()
    }
}

/// A call that waits for a spoke elsewhere.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn begin(calls: &Arc<AtomicUsize>) -> Self {
        calls.fetch_add(1, Ordering::Relaxed);
        Self(calls.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a call may go on to another process: one that came from there finds its spoke here, or not at all. Two
/// processes that each believe the spoke to be at the other would send it round for ever.
fn way(there: &There, call: &Call) -> Result<Peer, CallError> {
    if call.peer().is_some_and(Peer::is_same_hub) {
        return Err(CallError::aborted(DISCONNECTED));
    }
    there.links.to(&there.node)
}

impl There {
    /// Has the process that the spoke is connected to disconnect it, as this caller.
    ///
    /// # Errors
    /// What that process answers; UNAVAILABLE where it is not reached.
    pub async fn disconnect(&self, call: &Call, spoke_id: &str) -> Result<(), CallError> {
        let input = serde_json::json!({ "spokeId": spoke_id }).to_string();
        let mut request = Outgoing::new("spoke.disconnect", input);
        (request.identity, request.deadline) = (call.identity(), call.deadline());
        let told = super::forward::told(self, call.metadata(), call);
        request.metadata = Some(&told);
        way(self, call)?.call(request).await.map(drop)
    }
}

/// Calls an operation of a spoke elsewhere, whose full id the request has.
pub(super) async fn call(there: &There, call: &Call, request: Outgoing<'_>) -> Result<Answer, CallError> {
    let peer = way(there, call)?;
    let _waiting = Waiting::begin(&there.calls);
    let id = request.operation_id;
    peer.call(request).await.map(Answer::Once).map_err(|error| understood(error, id))
}

/// Subscribes to an operation of a spoke elsewhere.
pub(super) fn subscribe(
    there: &There,
    call: &Call,
    request: &Outgoing<'_>,
) -> Result<ItemStream<Output, CallError>, CallError> {
    let items = way(there, call)?.subscribe(request, None)?;
    let waiting = Waiting::begin(&there.calls);
    let id = request.operation_id.to_owned();
    Ok(items
        .map(move |item| {
            // Held until the stream is dropped.
            let _ = &waiting;
            item.map_err(|error| understood(error, &id))
        })
        .boxed())
}

/// An error as it is to be understood here: a process that does not know the operation has just lost the spoke.
fn understood(mut error: CallError, id: &str) -> CallError {
    let about = error.details.as_ref().map(|details| &details["operationId"]);
    if error.code == codes::OPERATION_NOT_FOUND && about.is_some_and(|about| about == id) {
        return CallError::aborted(DISCONNECTED);
    }
    if error.code == codes::UNAVAILABLE && error.retry_after.is_none() {
        error.retry_after = Some(1);
    }
    error
}

/// Whether an error says that a spoke elsewhere was lost, or not reached.
pub(super) fn is_loss(error: &CallError) -> bool {
    error.code == codes::UNAVAILABLE || is_disconnected(error)
}

/// Whether an error says that the connection of a spoke has ended.
pub(super) fn is_disconnected(error: &CallError) -> bool {
    let reason = error.details.as_ref().map(|details| &details["reason"]);
    error.code == codes::ABORTED && reason.is_some_and(|reason| reason == DISCONNECTED)
}
