//! How far the readers of this process are behind, as it is when somebody looks.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use prometheus::{
    Gauge, IntGauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// Events that come within this are of one moment.
const MOMENT: Duration = Duration::from_millis(100);
/// Moments that are remembered; a reader that is farther behind is said to be as far as the oldest.
const MOMENTS: usize = 1200;

/// Where the log ends, when it came there, and where each reader stands. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lag {
    inner: Arc<Inner>,
    events: IntGauge,
    seconds: Gauge,
    behind: IntGauge,
}

struct Inner {
    /// The last number that there is for readers.
    head: AtomicI64,
    /// The last number of a moment, and when the first of that moment came.
    moments: Mutex<VecDeque<(i64, Instant)>>,
    /// The last number that each has taken.
    readers: Mutex<HashMap<u64, Arc<AtomicI64>>>,
    next: AtomicU64,
}

/// A reader's place; it is forgotten when dropped.
pub(super) struct Place {
    inner: Arc<Inner>,
    number: u64,
    taken: Arc<AtomicI64>,
}

impl Place {
    /// It has taken everything up to this number.
    pub(super) fn took(&self, sequence: i64) {
        self.taken.store(sequence, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.readers.lock().remove(&self.number);
    }
}

impl Lag {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            inner: Arc::new(Inner {
                head: AtomicI64::new(0),
                moments: Mutex::new(VecDeque::new()),
                readers: Mutex::new(HashMap::new()),
                next: AtomicU64::new(0),
            }),
            events: IntGauge::new(
                "alkhub_event_reader_lag_events",
                "Numbers that the reader that is farthest behind has not come past yet.",
            )?,
            seconds: Gauge::new(
                "alkhub_event_reader_lag_seconds",
                "For how long the first of them has been there.",
            )?,
            behind: IntGauge::new(
                "alkhub_event_readers_behind",
                "Open readers that have not come to the end of the log yet.",
            )?,
        })
    }

    /// A new reader that has everything up to this number.
    pub(super) fn join(&self, sequence: i64) -> Place {
        let (inner, taken) = (self.inner.clone(), Arc::new(AtomicI64::new(sequence)));
        let number = inner.next.fetch_add(1, Ordering::Relaxed);
        inner.readers.lock().insert(number, taken.clone());
        Place { inner, number, taken }
    }

    /// There are events for readers up to this number.
    pub(super) fn advance(&self, head: i64) {
        if self.inner.head.swap(head, Ordering::Relaxed) == head {
            return;
        }
        let mut moments = self.inner.moments.lock();
        match moments.back_mut() {
            Some((last, came)) if came.elapsed() < MOMENT => *last = head,
            _ => moments.push_back((head, Instant::now())),
        }
        if moments.len() > MOMENTS {
            moments.pop_front();
        }
    }

    fn look(&self) {
        let head = self.inner.head.load(Ordering::Relaxed);
        let (mut least, mut behind) = (head, 0);
        for taken in self.inner.readers.lock().values() {
            let taken = taken.load(Ordering::Relaxed);
            behind += i64::from(taken < head);
            least = least.min(taken);
        }
        let moments = self.inner.moments.lock();
        let first = moments.partition_point(|(last, _)| *last <= least);
        let since = moments.get(first).filter(|_| least < head).map(|(_, came)| came.elapsed());
        self.behind.set(behind);
        self.events.set(head - least);
        self.seconds.set(since.unwrap_or_default().as_secs_f64());
    }
}

impl Collector for Lag {
    fn desc(&self) -> Vec<&Desc> {
        [self.events.desc(), self.seconds.desc(), self.behind.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.look();
        [self.events.collect(), self.seconds.collect(), self.behind.collect()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_that_is_farthest_behind_counts() {
        let lag = Lag::new().expect("names");
        lag.advance(10);
        let (one, two) = (lag.join(10), lag.join(10));
        let figures = || {
            lag.look();
            (lag.events.get(), lag.behind.get(), lag.seconds.get() > 0.0)
        };
        assert_eq!(figures(), (0, 0, false));
        lag.advance(14);
        one.took(14);
        two.took(11);
        assert_eq!(figures(), (3, 1, true));
        drop(two);
        assert_eq!(figures(), (0, 0, false));
        // A reader from the beginning of a long log has been behind for as long as is remembered.
        let _old = lag.join(0);
        assert_eq!(figures(), (14, 1, true));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let lag = Lag::new().expect("names");
        let long_ago = Instant::now().checked_sub(MOMENT).expect("a clock that runs for a while");
        for number in 1..3000 {
            lag.advance(number);
            if let Some(last) = lag.inner.moments.lock().back_mut() {
                last.1 = long_ago;
            }
        }
        assert_eq!(lag.inner.moments.lock().len(), MOMENTS);
    }
}
