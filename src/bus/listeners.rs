//! Who listens in this process, and to what. Both targets hand out what comes through here.

use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::Stream;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Counters, Heard, queue::Queue};

/// All listeners of a process.
pub(super) struct Listeners {
    state: Mutex<State>,
    /// Topics have been added or taken away.
    changed: Notify,
    /// Topics have become live.
    settled: Notify,
    /// Whether topics are live by themselves, without a server that has to be told of them.
    immediate: bool,
    counters: Counters,
}

#[derive(Default)]
struct State {
    topics: HashMap<String, Topic>,
    changes: HashSet<String>,
    closed: bool,
}

struct Topic {
    /// Whether whatever is published now will come.
    live: bool,
    listeners: Vec<Listener>,
}

struct Listener {
    queue: Arc<Queue>,
    /// It has been told that it listens while the topic was not live, and must learn of the gap.
    late: bool,
}

/// A stream of what is published on one topic; it ends with the bus. Dropping it ends the listening.
pub struct Subscription {
    topic: String,
    queue: Arc<Queue>,
    home: Arc<Listeners>,
}

impl Stream for Subscription {
    type Item = Heard;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        self.queue.poll_next(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.home.leave(&self.topic, &self.queue);
    }
}

impl Listeners {
    pub(super) fn new(immediate: bool, counters: Counters) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Notify::new(),
            settled: Notify::new(),
            immediate,
            counters,
        })
    }

    pub(super) fn join(self: &Arc<Self>, topic: &str) -> Subscription {
        let queue = Arc::new(Queue::default());
        let mut state = self.state.lock();
        if state.closed {
            queue.close();
        }
        let listener = Listener { queue: queue.clone(), late: false };
        if let Some(known) = state.topics.get_mut(topic) {
            known.listeners.push(listener);
        } else {
            let first = Topic { live: self.immediate, listeners: vec![listener] };
            state.topics.insert(topic.to_owned(), first);
            self.change(&mut state, topic);
        }
        drop(state);
        Subscription { topic: topic.to_owned(), queue, home: self.clone() }
    }

    fn leave(&self, topic: &str, queue: &Arc<Queue>) {
        let mut state = self.state.lock();
        let Some(known) = state.topics.get_mut(topic) else { return };
        known.listeners.retain(|listener| !Arc::ptr_eq(&listener.queue, queue));
        if known.listeners.is_empty() {
            state.topics.remove(topic);
            self.change(&mut state, topic);
        }
    }

    fn change(&self, state: &mut State, topic: &str) {
        if !self.immediate {
            state.changes.insert(topic.to_owned());
            self.changed.notify_one();
        }
    }

    /// From here on the listener counts on hearing everything: where that is not so yet, it will be told of a gap.
    pub(super) fn hand_over(&self, subscription: &Subscription) {
        let mut state = self.state.lock();
        let Some(topic) = state.topics.get_mut(&subscription.topic) else { return };
        let live = topic.live;
        let mut listeners = topic.listeners.iter_mut();
        if let Some(mine) = listeners.find(|listener| Arc::ptr_eq(&listener.queue, &subscription.queue)) {
            mine.late |= !live;
        }
    }

    /// Ends when the topic of this subscription is live, or never will be.
    pub(super) async fn live(&self, subscription: &Subscription) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            {
                let state = self.state.lock();
                if state.closed || state.topics.get(&subscription.topic).is_none_or(|topic| topic.live) {
                    return;
                }
            }
            settled.await;
        }
    }

    /// Whatever is published on these topics from now on will come.
    pub(super) fn confirm(&self, topics: &[String]) {
        let mut state = self.state.lock();
        for topic in topics {
            let Some(topic) = state.topics.get_mut(topic) else { continue };
            topic.live = true;
            for listener in &mut topic.listeners {
                if std::mem::take(&mut listener.late) {
                    listener.queue.gap();
                }
            }
        }
        drop(state);
        self.settled.notify_waiters();
    }

    /// Nothing comes any more, until each topic is confirmed again.
    pub(super) fn lost(&self) {
        for topic in self.state.lock().topics.values_mut() {
            topic.live = false;
            topic.listeners.iter_mut().for_each(|listener| listener.late = true);
        }
    }

    /// Ends when there are changes.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Topics that have been added or taken away since the last time: those to hear, and those not to hear any more.
    pub(super) fn take_changes(&self) -> (Vec<String>, Vec<String>) {
        let mut state = self.state.lock();
        let changes = std::mem::take(&mut state.changes);
        changes.into_iter().partition(|topic| state.topics.contains_key(topic))
    }

    /// All topics; there are no changes to them yet.
    pub(super) fn take_all(&self) -> Vec<String> {
        let mut state = self.state.lock();
        state.changes.clear();
        state.topics.keys().cloned().collect()
    }

    /// Gives a message to all that listen to its topic.
    pub(super) fn dispatch(&self, topic: &str, message: &Bytes) {
        let state = self.state.lock();
        let Some(topic) = state.topics.get(topic) else { return };
        self.counters.received.inc();
        for listener in &topic.listeners {
            if !listener.queue.push(message) {
                self.counters.dropped.inc();
            }
        }
    }

    /// Something came for a topic that cannot be handed on.
    pub(super) fn skip(&self, topic: &str) {
        let state = self.state.lock();
        let Some(topic) = state.topics.get(topic) else { return };
        self.counters.dropped.inc();
        topic.listeners.iter().for_each(|listener| listener.queue.gap());
    }

    /// All subscriptions end, also those to come.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.topics.values().flat_map(|topic| &topic.listeners).for_each(|listener| listener.queue.close());
        drop(state);
        self.settled.notify_waiters();
    }
}
