//! Sessions that their clients have ended. A session's id is valid by itself (`session.rs`), so what has to be remembered
//! is that it is over: by every process, of the newest so many.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::session::Nonce;

/// Most that are remembered, at 16 bytes twice; the oldest is forgotten first.
const MOST: usize = 65_536;

/// Those that this process knows of. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Ended {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    known: Mutex<Known>,
    /// Told of each.
    news: watch::Sender<()>,
}

#[derive(Default)]
struct Known {
    all: HashSet<Nonce>,
    /// Oldest first.
    order: VecDeque<Nonce>,
}

impl Ended {
    pub(super) fn enter(&self, session: Nonce) {
        let mut known = self.inner.known.lock();
        if !known.all.insert(session) {
            return;
        }
        known.order.push_back(session);
        if known.order.len() > MOST
            && let Some(oldest) = known.order.pop_front()
        {
            known.all.remove(&oldest);
        }
        drop(known);
        self.inner.news.send_replace(());
    }

    pub(super) fn has(&self, session: &Nonce) -> bool {
        self.inner.known.lock().all.contains(session)
    }

    /// Waits until a session is ended.
    pub(super) async fn wait(self, session: Nonce) {
        let mut news = self.inner.news.subscribe();
        while !self.has(&session) && news.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered() {
        let ended = Ended::default();
        let nonce = |number: usize| -> Nonce { (number as u128).to_be_bytes() };
        for number in 0..=MOST {
            ended.enter(nonce(number));
            ended.enter(nonce(number));
        }
        assert!(!ended.has(&nonce(0)) && ended.has(&nonce(1)) && ended.has(&nonce(MOST)));
        assert_eq!(ended.inner.known.lock().all.len(), MOST);
    }
}
