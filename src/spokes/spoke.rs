//! One connected spoke.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use alkhub_api::shared;
use alkhub_core::{Peer, registry::Registered};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{cluster::Links, convert::signed, storage::time::rfc3339};

/// What a spoke last said of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Vitals {
    pub(super) load: Option<f64>,
    pub(super) status: Option<String>,
    /// Calls that wait for it in the process that it is connected to, where that is another one.
    pub(super) calls: usize,
}

/// How busy a spoke is, as the processes of a hub tell each other.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reported {
    /// Its id.
    pub id: Arc<str>,
    /// Of its connection.
    pub epoch: u64,
    /// Calls that wait for it.
    #[serde(default)]
    pub calls: usize,
    /// What it says of other work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// In its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// Where a spoke is connected.
pub enum Place {
    /// To this process.
    Here(Peer),
    /// To another one.
    There(There),
}

/// A spoke that is connected to another process.
pub struct There {
    /// The process.
    pub node: Arc<str>,
    /// The way there.
    pub links: Links,
    /// Calls of this process that wait for it.
    pub(super) calls: Arc<AtomicUsize>,
}

/// A connected spoke.
pub struct Spoke {
    /// Its id, which is the prefix of its operations.
    pub id: Arc<str>,
    /// What kind of machine it is.
    pub kind: String,
    /// The key that it connected with.
    pub key_id: String,
    /// Milliseconds since the Unix epoch.
    pub connected_ms: u64,
    /// Grows with each connection.
    pub epoch: u64,
    /// Free data.
    pub metadata: Option<Map<String, Value>>,
    /// Where it is connected.
    pub place: Place,
    /// What it offers.
    pub operations: Vec<Arc<Registered>>,
    /// The process that it is connected to, where there are several.
    pub node: Option<Arc<str>>,
    pub(super) vitals: Mutex<Vitals>,
    /// It was taken away, though its connection may still be ending.
    pub(super) gone: AtomicBool,
}

impl Spoke {
    /// Ids of its operations, as they are called through the hub.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.operations.iter().map(|operation| format!("{}.{}", self.id, operation.plain_id())).collect()
    }

    /// Keeps what it said of itself.
    pub fn note(&self, load: Option<f64>, status: Option<String>) {
        *self.vitals.lock() = Vitals { load, status, calls: 0 };
    }

    /// Its connection, where that is to this process.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        match &self.place {
            Place::Here(peer) => Some(peer),
            Place::There(_) => None,
        }
    }

    /// Ends its connection, where that is to this process, and what waits for it.
    pub fn end(&self, code: u16, reason: &str) {
        if let Some(peer) = self.peer() {
            peer.close(code, reason);
            peer.abandon();
        }
    }

    /// What other processes are told of it.
    pub(super) fn report(&self) -> Reported {
        let vitals = self.vitals.lock().clone();
        let (load, status) = (vitals.load, vitals.status);
        Reported { id: self.id.clone(), epoch: self.epoch, calls: self.pending(), load, status }
    }

    /// Calls that wait for it, as far as this process knows.
    fn pending(&self) -> usize {
        match &self.place {
            Place::Here(peer) => peer.pending(),
            // What was said of it is a second old, and own calls may not be in it.
            Place::There(there) => there.calls.load(Ordering::Relaxed).max(self.vitals.lock().calls),
        }
    }

    /// Whether nothing more is to be expected of it.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire) || self.peer().is_some_and(|peer| peer.closed().is_cancelled())
    }

    /// How busy it is: calls that wait for it, and what it says of other work.
    #[must_use]
    pub fn load(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let waiting = self.pending() as f64;
        waiting.max(self.vitals.lock().load.unwrap_or_default())
    }

    /// As callers see it.
    #[must_use]
    pub fn show(&self) -> shared::Spoke {
        let vitals = self.vitals.lock().clone();
        shared::Spoke {
            spoke_id: self.id.to_string(),
            spoke_type: self.kind.clone(),
            prefix: self.id.to_string(),
            key_id: self.key_id.clone(),
            connected_at: rfc3339(signed(self.connected_ms)),
            operations: signed(self.operations.len() as u64),
            calls_running: signed(self.pending() as u64),
            load: vitals.load,
            status: vitals.status,
            epoch: signed(self.epoch),
            metadata: self.metadata.clone(),
            node_id: self.node.as_deref().map(str::to_owned),
        }
    }
}
