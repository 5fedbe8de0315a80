//! Operators over streams of events, under the names that the upstream's pub/sub library gives them.
//!
//! | upstream | here |
//! | --- | --- |
//! | `filter`, `map`, `take`, `chain` | [`StreamExt::filter`], [`StreamExt::map`] or [`StreamExt::then`] for an async function, [`StreamExt::take`], [`StreamExt::chain`] |
//! | `batch` | [`Operators::batch`] |
//! | `dedupe` | [`Operators::dedupe`] |
//! | `window` | [`Operators::window`] |
//! | `join` | [`Operators::join`] |
//! | `reduce` | [`Operators::reduce`] |
//! | `groupBy` | [`Operators::group_by`] |
//! | `flat` | [`Operators::flat`] |
//! | `pipe` | [`Operators::pipe`] |
//! | `toArray` | [`Operators::to_array`] |
//!
//! All are lazy: nothing is taken from the source before somebody asks for an item of the result, and one item at a
//! time. The result ends when the source does; dropping it drops the source. What must be kept has a bound.
//!
//! ```
//! use alkhub_core::pubsub::{Operators, StreamExt};
//! # futures::executor::block_on(async {
//! let evens = futures::stream::iter(1..=10).filter(|n| std::future::ready(n % 2 == 0)).batch(2);
//! assert_eq!(evens.to_array(100).await, Ok(vec![vec![2, 4], vec![6, 8], vec![10]]));
//! # });
//! ```

mod dedupe;
mod group;
mod window;

use std::{hash::Hash, time::Duration};

pub use futures::StreamExt;
use futures::{Stream, stream};

pub use group::Group;
pub use window::Extent;

/// More items than [`Operators::to_array`] was to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream has more than {0} items")]
pub struct TooMany(pub usize);

/// What [`StreamExt`] has not.
pub trait Operators: Stream + Sized {
    /// Items in lists of `size` (at least 1) in their order; the last one may be shorter.
    fn batch(self, size: usize) -> impl Stream<Item = Vec<Self::Item>> {
        self.chunks(size.max(1))
    }

    /// The same, but a list that has begun is given after `wait` even if it is not full.
    fn batch_within(self, size: usize, wait: Duration) -> impl Stream<Item = Vec<Self::Item>> {
        window::batch_within(self, size.max(1), wait)
    }

    /// Leaves out items whose key was among the last `remembered` (at least 1) different keys.
    fn dedupe<K: Hash + Eq + Clone>(
        self,
        remembered: usize,
        key: impl FnMut(&Self::Item) -> K,
    ) -> impl Stream<Item = Self::Item> {
        dedupe::dedupe(self, remembered.max(1), key)
    }

    /// For each item the items that came last, itself the newest: a window that slides by one.
    fn window(self, extent: Extent) -> impl Stream<Item = Vec<Self::Item>>
    where
        Self::Item: Clone,
    {
        window::window(self, extent)
    }

    /// Items of both as they come; ends when both have. Neither is preferred where both have one.
    fn join<S: Stream<Item = Self::Item>>(self, other: S) -> impl Stream<Item = Self::Item> {
        stream::select(self, other)
    }

    /// One value of all items: the first, and each further one joined to it. `None` for an empty stream.
    fn reduce(
        self,
        mut step: impl FnMut(Self::Item, Self::Item) -> Self::Item,
    ) -> impl Future<Output = Option<Self::Item>> {
        self.fold(None, move |so_far, item| {
            std::future::ready(Some(match so_far {
                None => item,
                Some(so_far) => step(so_far, item),
            }))
        })
    }

    /// A stream for each key, given when its first item comes. Groups and result must be read at the same time: a
    /// group of which `room` items are not read holds up all. A group that is dropped loses its items; its key
    /// begins a new one. Of more than `groups` open ones the one that was begun first ends.
    fn group_by<K: Hash + Eq + Clone>(
        self,
        groups: usize,
        room: usize,
        key: impl FnMut(&Self::Item) -> K,
    ) -> impl Stream<Item = (K, Group<Self::Item>)> {
        group::group_by(self, groups.max(1), room.max(1), key)
    }

    /// The items of the items, one level deep.
    fn flat(self) -> impl Stream<Item = <Self::Item as IntoIterator>::Item>
    where
        Self::Item: IntoIterator,
    {
        self.flat_map(stream::iter)
    }

    /// The stream through a function, so that operators of one's own stand in the chain.
    fn pipe<T>(self, function: impl FnOnce(Self) -> T) -> T {
        function(self)
    }

    /// All items, but no more than `most`.
    ///
    /// # Errors
    /// There are more.
    fn to_array(self, most: usize) -> impl Future<Output = Result<Vec<Self::Item>, TooMany>> {
        async move {
            let mut source = std::pin::pin!(self);
            let mut items = Vec::new();
            while let Some(item) = source.next().await {
                if items.len() >= most {
                    return Err(TooMany(most));
                }
                items.push(item);
            }
            Ok(items)
        }
    }
}

impl<S: Stream> Operators for S {}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all<S: Stream>(stream: S) -> Vec<S::Item> {
        stream.to_array(1000).await.unwrap_or_default()
    }

    #[tokio::test]
    async fn batch_keeps_order_and_gives_the_rest() {
        assert_eq!(all(stream::iter(1..=5).batch(2)).await, [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(all(stream::iter(1..=2).batch(0)).await, [vec![1], vec![2]]);
        assert!(all(stream::empty::<u8>().batch(2)).await.is_empty());
    }

    #[tokio::test]
    async fn join_takes_all_of_both() {
        let mut items = all(stream::iter([1, 3]).join(stream::iter([2, 4, 6]))).await;
        items.sort_unstable();
        assert_eq!(items, [1, 2, 3, 4, 6]);
    }

    #[tokio::test]
    async fn reduce_needs_an_item() {
        assert_eq!(stream::iter(1..=4).reduce(|a, b| a * b).await, Some(24));
        assert_eq!(stream::empty::<u8>().reduce(|a, _| a).await, None);
    }

    #[tokio::test]
    async fn flat_and_pipe() {
        let doubled = stream::iter([vec![1, 2], vec![], vec![3]]).flat().pipe(|items| items.map(|n| n * 2));
        assert_eq!(all(doubled).await, [2, 4, 6]);
    }

    #[tokio::test]
    async fn to_array_is_bounded_also_for_endless_streams() {
        assert_eq!(stream::repeat(1).to_array(3).await, Err(TooMany(3)));
        assert_eq!(stream::iter([1, 2, 3]).to_array(3).await, Ok(vec![1, 2, 3]));
    }

    #[tokio::test]
    async fn nothing_is_taken_that_is_not_asked_for() {
        let taken = std::cell::Cell::new(0);
        let source = stream::iter(1..).inspect(|_| taken.set(taken.get() + 1));
        let items = source.filter(|n| std::future::ready(n % 2 == 0)).dedupe(10, |n| *n).take(3);
        assert_eq!(taken.get(), 0);
        assert_eq!(all(items).await, [2, 4, 6]);
        assert_eq!(taken.get(), 6);
    }
}
