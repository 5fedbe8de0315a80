//! What waits to be sent. Senders do not wait for the socket: streams ask for room first, everything else goes in until
//! the bound at which the peer is cut off.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Bytes that are written between two looks at the queue.
const BATCH: usize = 256 * 1024;

/// One thing to send.
pub(super) enum Frame {
    /// A message.
    Data(Bytes),
    /// A question for a sign of life.
    Ping,
    /// The end.
    Close(u16, String),
}

#[derive(Default)]
struct State {
    queue: VecDeque<Frame>,
    /// Queued and being written.
    bytes: usize,
    writing: Option<(Instant, usize)>,
    shut: bool,
}

/// The queue of one connection.
pub(super) struct Outbox {
    state: Mutex<State>,
    filled: Notify,
    room: Notify,
    soft: usize,
    hard: usize,
}

impl Outbox {
    pub(super) fn new(soft: usize, hard: usize) -> Self {
        Self { state: Mutex::default(), filled: Notify::new(), room: Notify::new(), soft, hard }
    }

    /// Queues a message; `false` where the connection is over, or is now because it does not read.
    pub(super) fn push(&self, frame: Bytes) -> bool {
        let fits = {
            let mut state = self.state.lock();
            if state.shut {
                return false;
            }
            state.bytes += frame.len();
            let fits = state.bytes <= self.hard;
            if fits {
                state.queue.push_back(Frame::Data(frame));
            } else {
                state.shut = true;
                state.queue.clear();
            }
            fits
        };
        self.filled.notify_one();
        fits
    }

    /// Asks for a sign of life.
    pub(super) fn push_ping(&self) {
        self.control(Frame::Ping);
    }

    /// Ends the connection after what is queued.
    pub(super) fn push_close(&self, code: u16, reason: &str) {
        // A close frame's payload is at most 125 bytes (RFC 6455 section 5.5).
        let end = (0..=reason.len().min(120)).rev().find(|at| reason.is_char_boundary(*at)).unwrap_or(0);
        self.control(Frame::Close(code, reason[..end].to_owned()));
    }

    fn control(&self, frame: Frame) {
        let mut state = self.state.lock();
        if !state.shut {
            state.queue.push_back(frame);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Waits until streams may add to the queue.
    pub(super) async fn room(&self) {
        loop {
            let freed = self.room.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            {
                let state = self.state.lock();
                if state.shut || state.bytes < self.soft {
                    return;
                }
            }
            freed.await;
        }
    }

    /// Waits until there is something to take. What was taken before counts as written.
    pub(super) async fn filled(&self) {
        self.written();
        loop {
            {
                let state = self.state.lock();
                if state.shut || !state.queue.is_empty() {
                    return;
                }
            }
            self.filled.notified().await;
        }
    }

    /// The next frames to write, which may be none; `None` where there will be none.
    pub(super) fn take(&self) -> Option<Vec<Frame>> {
        let mut state = self.state.lock();
        if state.shut {
            return None;
        }
        let (mut frames, mut bytes) = (Vec::with_capacity(state.queue.len().min(64)), 0);
        while bytes < BATCH
            && let Some(frame) = state.queue.pop_front()
        {
            if let Frame::Data(data) = &frame {
                bytes += data.len();
            }
            frames.push(frame);
        }
        state.writing = Some((Instant::now(), bytes));
        Some(frames)
    }

    fn written(&self) {
        let mut state = self.state.lock();
        if let Some((_, bytes)) = state.writing.take() {
            state.bytes = state.bytes.saturating_sub(bytes);
            if state.queue.is_empty() {
                // After a burst its room is given back.
                state.queue.shrink_to(8);
            }
            if state.bytes < self.soft {
                self.room.notify_waiters();
            }
        }
    }

    /// Since when the same frames are being written.
    pub(super) fn writing_since(&self) -> Option<Instant> {
        self.state.lock().writing.map(|(since, _)| since)
    }

    /// Whether the peer was cut off or the connection is over.
    pub(super) fn is_shut(&self) -> bool {
        self.state.lock().shut
    }

    /// The connection is over.
    pub(super) fn shut(&self) {
        let mut state = self.state.lock();
        state.shut = true;
        state.queue = VecDeque::new();
        drop(state);
        self.filled.notify_one();
        self.room.notify_waiters();
    }
}
