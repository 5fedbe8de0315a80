//! Server-sent events, as a client reads them.

use alkhub_core::sse::{Event, Parser, TooLarge};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};

/// Largest event that a command reads.
const LARGEST: usize = 64 << 20;

/// Why a stream of events ended before its time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken<E> {
    /// The connection failed.
    Lost(E),
    /// The hub sent more than a command can hold.
    TooLarge(TooLarge),
}

/// The events of a body; an event that the end cuts off is dropped, as the standard asks.
pub(super) fn frames<E>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> impl Stream<Item = Result<Event, Broken<E>>> {
    stream::unfold((Box::pin(body), Parser::new(LARGEST)), |(mut body, mut parser)| async move {
        loop {
            if let Some(event) = parser.next_event() {
                return Some((Ok(event), (body, parser)));
            }
            let error = match body.next().await? {
                Ok(bytes) => match parser.push(&bytes) {
                    Ok(()) => continue,
                    Err(error) => Broken::TooLarge(error),
                },
                Err(error) => Broken::Lost(error),
            };
            return Some((Err(error), (body, parser)));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_come_before_the_error_that_ends_them() {
        let body = [Ok("data: a\n\nda"), Ok("ta: b\n\ndata: lost"), Err("gone")];
        let body = stream::iter(body.map(|chunk| chunk.map(|text| Bytes::from_static(text.as_bytes()))));
        let read: Vec<_> = frames(body).map(|event| event.map(|event| event.data)).collect().await;
        assert_eq!(read, [Ok("a".to_owned()), Ok("b".to_owned()), Err(Broken::Lost("gone"))]);
    }
}
