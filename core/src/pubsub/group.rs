//! `groupBy`

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;

/// The items of one key.
#[derive(Debug)]
pub struct Group<T>(mpsc::Receiver<T>);

impl<T> Stream for Group<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }
}

struct Open<K, T> {
    senders: HashMap<K, mpsc::Sender<T>>,
    /// As they were begun.
    order: VecDeque<K>,
}

pub(super) fn group_by<S: Stream, K: Hash + Eq + Clone>(
    source: S,
    groups: usize,
    room: usize,
    key: impl FnMut(&S::Item) -> K,
) -> impl Stream<Item = (K, Group<S::Item>)> {
    let open = Open { senders: HashMap::new(), order: VecDeque::new() };
    stream::unfold((Box::pin(source), key, open), move |(mut source, mut key, mut open)| async move {
        loop {
            let item = source.next().await?;
            let key_of = key(&item);
            let item = match open.senders.get(&key_of) {
                // A group that nobody reads any more begins anew.
                Some(sender) => match sender.send(item).await {
                    Ok(()) => continue,
                    Err(unsent) => unsent.0,
                },
                None => item,
            };
            open.order.retain(|held| *held != key_of);
            if open.order.len() >= groups
                && let Some(oldest) = open.order.pop_front()
            {
                open.senders.remove(&oldest);
            }
            let (sender, receiver) = mpsc::channel(room);
            // There is room for the first.
            let _ = sender.try_send(item);
            open.senders.insert(key_of.clone(), sender);
            open.order.push_back(key_of.clone());
            return Some(((key_of, Group(receiver)), (source, key, open)));
        }
    })
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};

    use crate::pubsub::Operators;

    #[tokio::test]
    async fn each_key_has_its_stream() {
        let grouped = stream::iter(1..=10).group_by(10, 1, |n| n % 3);
        let mut sums: Vec<_> = grouped
            .map(|(key, group)| async move { (key, group.reduce(|a, b| a + b).await) })
            .buffer_unordered(10)
            .collect()
            .await;
        sums.sort_unstable();
        assert_eq!(sums, [(0, Some(18)), (1, Some(22)), (2, Some(15))]);
    }

    #[tokio::test]
    async fn a_dropped_group_loses_its_items_and_holds_up_nobody() {
        let mut grouped = Box::pin(stream::iter([1, 1, 1, 2]).group_by(10, 1, |n| *n));
        let (key, group) = grouped.next().await.expect("a group");
        assert_eq!(key, 1);
        drop(group);
        // The next item of the key begins a group of its own.
        assert_eq!(grouped.next().await.map(|(key, _)| key), Some(1));
        assert_eq!(grouped.next().await.map(|(key, _)| key), Some(1));
        assert_eq!(grouped.next().await.map(|(key, _)| key), Some(2));
        assert!(grouped.next().await.is_none());
    }

    #[tokio::test]
    async fn of_too_many_groups_the_first_ends() {
        let mut grouped = Box::pin(stream::iter([1, 2, 3]).group_by(2, 1, |n| *n));
        let mut groups = Vec::new();
        for _ in 0..3 {
            groups.push(grouped.next().await.expect("a group").1);
        }
        assert_eq!(groups[0].next().await, Some(1));
        assert_eq!(groups[0].next().await, None);
        assert_eq!(groups[2].next().await, Some(3));
    }
}
