//! `window`, and batches that do not wait for ever.

use std::{collections::VecDeque, time::Duration};

use futures::{Stream, StreamExt, stream};
use tokio::time::Instant;

/// How far a window reaches back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// So many items, itself counted; at least 1.
    Items(usize),
    /// Items that came within this time, but no more than `most`.
    Time {
        /// Age of the oldest.
        within: Duration,
        /// Bound of what is kept.
        most: usize,
    },
}

pub(super) fn window<S: Stream>(source: S, extent: Extent) -> impl Stream<Item = Vec<S::Item>>
where
    S::Item: Clone,
{
    let mut held = VecDeque::new();
    source.map(move |item| {
        let now = Instant::now();
        held.push_back((now, item));
        let (most, within) = match extent {
            Extent::Items(most) => (most, None),
            Extent::Time { within, most } => (most, Some(within)),
        };
        while held.len() > most.max(1) {
            held.pop_front();
        }
        while within
            .is_some_and(|within| held.front().is_some_and(|(came, _)| now.duration_since(*came) > within))
        {
            held.pop_front();
        }
        held.iter().map(|(_, item)| item.clone()).collect()
    })
}

pub(super) fn batch_within<S: Stream>(
    source: S,
    size: usize,
    wait: Duration,
) -> impl Stream<Item = Vec<S::Item>> {
    // Boxed: a stream that is asked again after a pause must stay in its place.
    stream::unfold(Box::pin(source.fuse()), move |mut source| async move {
        let mut batch = vec![source.next().await?];
        let until = Instant::now() + wait;
        while batch.len() < size {
            match tokio::time::timeout_at(until, source.next()).await {
                Ok(Some(item)) => batch.push(item),
                Ok(None) | Err(_) => break,
            }
        }
        Some((batch, source))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::{StreamExt, stream};
    use tokio::sync::mpsc;

    use super::Extent;
    use crate::pubsub::Operators;

    #[tokio::test]
    async fn a_window_of_items_slides_by_one() {
        let windows = stream::iter(1..=4).window(Extent::Items(3)).to_array(10).await;
        assert_eq!(windows, Ok(vec![vec![1], vec![1, 2], vec![1, 2, 3], vec![2, 3, 4]]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_of_time_forgets_what_is_old_and_has_a_bound() {
        let ticks = stream::iter(1..=5).then(async |n| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            n
        });
        let extent = Extent::Time { within: Duration::from_millis(2500), most: 2 };
        let windows = ticks.window(extent).to_array(10).await;
        assert_eq!(windows, Ok(vec![vec![1], vec![1, 2], vec![2, 3], vec![3, 4], vec![4, 5]]));
        let late = stream::iter([0, 10]).then(async |wait| {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            wait
        });
        let extent = Extent::Time { within: Duration::from_secs(5), most: 9 };
        assert_eq!(late.window(extent).to_array(10).await, Ok(vec![vec![0], vec![10]]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_has_begun_is_given_in_time() {
        let (sender, receiver) = mpsc::channel(10);
        let source = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        let mut batches = Box::pin(source.batch_within(3, Duration::from_secs(5)));
        sender.send(1).await.expect("room");
        assert_eq!(batches.next().await, Some(vec![1]));
        for number in 2..6 {
            sender.send(number).await.expect("room");
        }
        assert_eq!(batches.next().await, Some(vec![2, 3, 4]));
        drop(sender);
        assert_eq!(batches.next().await, Some(vec![5]));
        assert_eq!(batches.next().await, None);
    }
}
