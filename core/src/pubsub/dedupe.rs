//! `dedupe`

use std::{
    collections::{HashSet, VecDeque},
    hash::Hash,
};

use futures::{Stream, StreamExt};

pub(super) fn dedupe<S: Stream, K: Hash + Eq + Clone>(
    source: S,
    remembered: usize,
    mut key: impl FnMut(&S::Item) -> K,
) -> impl Stream<Item = S::Item> {
    let (mut known, mut order) = (HashSet::new(), VecDeque::new());
    source.filter_map(move |item| {
        let key = key(&item);
        let new = known.insert(key.clone());
        if new {
            order.push_back(key);
            if order.len() > remembered
                && let Some(oldest) = order.pop_front()
            {
                known.remove(&oldest);
            }
        }
        std::future::ready(new.then_some(item))
    })
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use crate::pubsub::Operators;

    #[tokio::test]
    async fn only_so_many_keys_are_remembered() {
        let items = stream::iter([1, 1, 2, 3, 1, 2, 1]).dedupe(2, |n| *n).to_array(10).await;
        // 3 drove out 1, and 1 drove out 2.
        assert_eq!(items, Ok(vec![1, 2, 3, 1, 2]));
        let items = stream::iter([1, 1, 2, 3, 1, 2, 1]).dedupe(100, |n| *n).to_array(10).await;
        assert_eq!(items, Ok(vec![1, 2, 3]));
    }

    #[tokio::test]
    async fn the_key_decides() {
        let items = stream::iter(["a1", "a2", "b1"]).dedupe(9, |s| s.as_bytes()[0]).to_array(10).await;
        assert_eq!(items, Ok(vec!["a1", "b1"]));
    }
}
