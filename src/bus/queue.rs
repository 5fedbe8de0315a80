//! What waits for one listener to hear it: bounded, and honest about what did not fit.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::task::AtomicWaker;
use parking_lot::Mutex;

/// Messages that wait for a listener.
pub const CAPACITY: usize = 1024;
/// Bytes that wait for a listener.
const BYTES: usize = 4 * super::LARGEST;

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Message(Bytes),
    /// Here something may be missing: the bus was away, or the listener too slow. What follows is complete again.
    Gap,
}

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct State {
    items: VecDeque<Heard>,
    bytes: usize,
    closed: bool,
}

impl State {
    /// One gap tells as much as two in a row.
    fn gap(&mut self) {
        if self.items.back() != Some(&Heard::Gap) {
            self.items.push_back(Heard::Gap);
        }
    }
}

impl Queue {
    /// Adds a message, or a gap in its place where there is no room; whether it was the message.
    pub(super) fn push(&self, message: &Bytes) -> bool {
        let mut state = self.state.lock();
        let room = state.items.len() < CAPACITY && state.bytes + message.len() <= BYTES;
        if room {
            state.bytes += message.len();
            state.items.push_back(Heard::Message(message.clone()));
        } else {
            state.gap();
        }
        drop(state);
        self.waker.wake();
        room
    }

    pub(super) fn gap(&self) {
        self.state.lock().gap();
        self.waker.wake();
    }

    /// What waits can still be heard; then it is over.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.waker.wake();
    }

    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Heard>> {
        // Before the look: what comes between the two wakes.
        self.waker.register(cx.waker());
        let mut state = self.state.lock();
        match state.items.pop_front() {
            Some(Heard::Message(message)) => {
                state.bytes -= message.len();
                Poll::Ready(Some(Heard::Message(message)))
            }
            Some(Heard::Gap) => Poll::Ready(Some(Heard::Gap)),
            None if state.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}
