//! HTTP/2 streams whose other end must read. There the connection goes on while one stream of it is not read, because
//! each has a window of its own; so it is the stream that ends, once nothing more of its answer is taken for too long.
//!
//! hyper asks an answer for its next piece when the one before is on its way, and waits with it until the window has
//! room. So a stream whose piece was handed out, and that does not ask again, is one that is not read.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::{
    body::{Body, Frame, SizeHint},
    rt::Executor,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Largest piece that is handed out, which is the most that is left behind by a stream whose end was handed out.
const PIECE: usize = 16 * 1024;

tokio::task_local! {
    /// The stream within which a request is answered.
    static STREAM: Progress;
}

/// How often the answer was asked for a piece, and handed one out: odd while a piece waits to be sent.
#[derive(Clone, Default)]
struct Progress(Arc<AtomicU64>);

impl Progress {
    fn step(&self, waits: bool) {
        if (self.0.load(Ordering::Relaxed) % 2 == 1) != waits {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The piece that waits.
    fn waiting(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|step| step % 2 == 1)
    }
}

/// Runs streams, and ends those that are not read for so long.
#[derive(Clone)]
pub(super) struct Streams {
    pub(super) patience: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let patience = self.patience;
        tokio::spawn(async move {
            if !bounded(stream, patience).await {
                tracing::debug!("a stream of HTTP/2 was ended: the other end does not read");
            }
        });
    }
}

/// Whether the stream came to its own end. Otherwise it is dropped, which tells the other end that it is cancelled.
async fn bounded(stream: impl Future<Output = ()>, patience: Duration) -> bool {
    let progress = Progress::default();
    let mut stream = pin!(STREAM.scope(progress.clone(), stream));
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    let mut watched = None;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        let waiting = progress.waiting();
        if waiting.is_none() {
            watched = None;
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        if waiting != watched {
            watched = waiting;
            timer.as_mut().reset(Instant::now() + patience);
        }
        timer.as_mut().poll(cx).map(|()| false)
    })
    .await
}

/// The body of an answer, which tells the stream that it belongs to how it goes on; one of HTTP/1 belongs to none.
pub(super) struct Told {
    body: BoxBody<Bytes, io::Error>,
    stream: Option<Progress>,
    /// What is left of a piece that was too large to be handed out at once.
    rest: Bytes,
}

impl Told {
    /// The body of the answer that is just being made.
    pub(super) fn new(body: BoxBody<Bytes, io::Error>) -> Self {
        Self { body, stream: STREAM.try_with(Clone::clone).ok(), rest: Bytes::new() }
    }

    fn piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return other,
            }
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }
}

impl Body for Told {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.stream.is_none() {
            return Pin::new(&mut self.body).poll_frame(cx);
        }
        let piece = self.piece(cx);
        if let Some(stream) = &self.stream {
            stream.step(matches!(piece, Poll::Ready(Some(Ok(_)))));
        }
        piece
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}
