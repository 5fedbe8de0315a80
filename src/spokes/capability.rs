//! What several spokes offer alike, called by its plain id: the least busy one is asked, and where that one goes away
//! in the middle, another one, if the call may be repeated.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use alkhub_core::{
    Call, CallError,
    engine::{Answer, Unchecked, handler::ErasedHandler},
    error::codes,
    registry::{Entry, Registered},
};
use async_trait::async_trait;
use parking_lot::RwLock;
use uuid::Uuid;

use super::{Place, Spoke, elsewhere, forward::forward};

/// Most spokes that one call is tried on.
const TRIES: usize = 5;

/// An operation and the spokes that offer it in exactly this form.
pub(super) struct Capability {
    pub(super) operation: Arc<Registered>,
    spokes: RwLock<Vec<Arc<Spoke>>>,
    turn: AtomicUsize,
}

impl Capability {
    pub(super) fn new(operation: Arc<Registered>) -> Arc<Self> {
        Arc::new(Self { operation, spokes: RwLock::default(), turn: AtomicUsize::new(0) })
    }

    pub(super) fn add(&self, spoke: &Arc<Spoke>) {
        self.spokes.write().push(spoke.clone());
    }

    /// Takes a spoke out; whether others are left.
    pub(super) fn without(&self, spoke: &Arc<Spoke>) -> bool {
        let mut spokes = self.spokes.write();
        if let Some(place) = spokes.iter().position(|held| Arc::ptr_eq(held, spoke)) {
            spokes.swap_remove(place);
        }
        !spokes.is_empty()
    }

    /// The entry by which it is called.
    pub(super) fn entry(self: &Arc<Self>, plain_id: &str) -> Arc<Entry> {
        let handler = Arc::new(Any { capability: self.clone() });
        Arc::new(Entry::registered(plain_id, self.operation.clone(), None, handler))
    }

    /// The least busy spoke that was not tried; of equally busy ones each in its turn.
    fn choose(&self, tried: &[Arc<Spoke>]) -> Option<Arc<Spoke>> {
        let spokes = self.spokes.read();
        let (from, count) = (self.turn.fetch_add(1, Ordering::Relaxed), spokes.len());
        (0..count)
            .map(|step| &spokes[(from.wrapping_add(step)) % count])
            .filter(|spoke| !spoke.is_gone())
            .filter(|spoke| !tried.iter().any(|held| Arc::ptr_eq(held, spoke)))
            // Of equally busy ones rather one that is connected to this process.
            .min_by(|a, b| {
                a.load().total_cmp(&b.load()).then_with(|| a.peer().is_none().cmp(&b.peer().is_none()))
            })
            .cloned()
    }
}

struct Any {
    capability: Arc<Capability>,
}

#[async_trait]
impl ErasedHandler for Any {
    async fn serve(&self, call: &Call, input: Unchecked<'_>) -> Result<Answer, CallError> {
        let input = input.text()?;
        let mut tried = Vec::new();
        while let Some(spoke) = self.capability.choose(&tried) {
            // Each further try has an id of its own: two spokes of one other process are reached over the same link, where
            // what is left of the try before may still run under that id.
            let id = if tried.is_empty() { call.request_id() } else { Uuid::now_v7() };
            let answer = forward(&spoke, &self.capability.operation, call, id, input.clone()).await;
            // By the error: what a spoke has answered stands, though it may have left right after that.
            let lost = answer.as_ref().err().is_some_and(|error| match &spoke.place {
                Place::Here(_) => spoke.is_gone() && elsewhere::is_disconnected(error),
                Place::There(_) => elsewhere::is_loss(error),
            });
            if !lost || !self.capability.operation.repeatable || tried.len() + 1 >= TRIES {
                return answer;
            }
            tried.push(spoke);
        }
        let mut error = CallError::new(
            codes::UNAVAILABLE,
            "No spoke that offers this operation is connected at the moment; try again.",
        );
        error.retry_after = Some(1);
        Err(error)
    }
}
