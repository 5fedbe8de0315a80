//! Drives a connection: reads, writes and watches for signs of life, all in one task.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message as Frame,
        error::CapacityError,
        protocol::{
            CloseFrame, WebSocketConfig,
            frame::{Utf8Bytes, coding::CloseCode},
        },
    },
};

use super::{Limits, Peer, faults::Fault, outbox};
use crate::protocol::{self, Message};

/// How long an ordered end may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Steps of the grid of moments in a heartbeat.
const STEPS: u32 = 64;

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The other end closed it, with this code if it said one.
    Closed(Option<u16>),
    /// This end closed it.
    Left,
    /// The socket broke or ended without a word.
    Broken(String),
    /// The other end broke the WebSocket protocol or a bound.
    Refused(u16, String),
    /// No sign of life for two heartbeats.
    Silent,
    /// It does not read what is sent.
    Stalled,
    /// It is not welcome any more: its key was revoked, for example.
    Unwelcome,
}

/// The bounds of a connection, as its WebSocket knows them.
#[must_use]
pub fn socket_config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(limits.read_buffer)
        .max_message_size(Some(limits.frame_bytes))
        .max_frame_size(Some(limits.frame_bytes))
        .write_buffer_size(64 * 1024)
}

/// Drives a connection until it is over, and then ends everything that it held.
pub async fn run<S: AsyncRead + AsyncWrite + Unpin + Send>(peer: Peer, socket: WebSocketStream<S>) -> End {
    let (sink, stream) = socket.split();
    drive(peer, sink, stream).await
}

/// The same for a connection over something else that carries these frames in order.
pub async fn drive(
    peer: Peer,
    mut sink: impl Sink<Frame, Error = Error> + Unpin,
    stream: impl Stream<Item = Result<Frame, Error>> + Unpin,
) -> End {
    let ending = EndGuard(peer.clone());
    peer.hear();
    let end = tokio::select! {
        end = read(&peer, stream) => end,
        end = write(&peer, &mut sink) => end,
        end = watch(&peer) => end,
    };
    // Before the farewell: nobody should wait for that.
    drop(ending);
    let farewell = match &end {
        End::Refused(code, reason) => Some((*code, reason.as_str())),
        End::Silent => Some((1001, "no sign of life for two heartbeats")),
        End::Stalled => Some((1008, "what was sent was not read")),
        End::Unwelcome => Some((4401, "the key is not valid any more")),
        _ => None,
    };
    if matches!(end, End::Closed(_)) {
        // The other end's close frame is answered with one, which is waiting to be sent (RFC 6455 section 5.5.1).
        let _ = tokio::time::timeout(FAREWELL, sink.flush()).await;
    }
    if let Some((code, reason)) = farewell {
        let close = CloseFrame { code: CloseCode::from(code), reason: reason.to_owned().into() };
        let _ = tokio::time::timeout(FAREWELL, sink.send(Frame::Close(Some(close)))).await;
    }
    if peer.inner.faults.any() {
        tracing::debug!(peer = peer.number(), faults = peer.inner.faults.summary(), ?end, "connection over");
    }
    end
}

/// Ends what the connection held also where its task is dropped.
struct EndGuard(Peer);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.end();
    }
}

async fn read(peer: &Peer, mut stream: impl Stream<Item = Result<Frame, Error>> + Unpin) -> End {
    let mut first = true;
    loop {
        let frame = match stream.next().await {
            None => return End::Broken("the connection ended without a close frame".to_owned()),
            Some(Err(error)) => return broken(error),
            Some(Ok(frame)) => frame,
        };
        peer.hear();
        match frame {
            Frame::Text(text) => {
                first = false;
                receive(peer, protocol::read(&text), &Bytes::from(text.clone()));
            }
            Frame::Binary(data) => {
                if std::mem::take(&mut first) {
                    // Answered in the kind that the peer speaks first (upstream reference section 1.3).
                    peer.inner.binary.store(true, std::sync::atomic::Ordering::Relaxed);
                }
                let text = std::str::from_utf8(&data).map_err(|error| protocol::Malformed {
                    message: format!("not UTF-8: {error}"),
                    request_id: None,
                });
                receive(peer, text.and_then(protocol::read), &data);
            }
            Frame::Close(close) => return End::Closed(close.map(|close| close.code.into())),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
        }
    }
}

fn broken(error: Error) -> End {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => End::Closed(None),
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            End::Refused(1009, format!("a message of {size} bytes; at most {max_size} are allowed"))
        }
        Error::Capacity(error) => End::Refused(1009, error.to_string()),
        Error::Utf8(_) => End::Refused(1007, "a text message is not UTF-8".to_owned()),
        Error::Protocol(error) => End::Refused(1002, error.to_string()),
        error => End::Broken(error.to_string()),
    }
}

/// One message, from whichever kind of frame.
fn receive(peer: &Peer, message: Result<Message<'_>, protocol::Malformed>, frame: &Bytes) {
    match message {
        Ok(Message::Requested(wanted)) => peer.requested(wanted, frame),
        Ok(Message::Responded(responded)) => peer.responded(&responded, frame),
        Ok(Message::Failed(failed)) => peer.failed(failed),
        Ok(Message::Completed(ended)) => peer.completed(&ended.request_id),
        Ok(Message::Aborted(ended)) => {
            if !peer.unwanted(&ended.request_id) {
                peer.aborted(&ended.request_id);
            }
        }
        Ok(Message::Credit(credit)) => peer.credited(&credit),
        Ok(Message::Subscribe(topic)) => {
            let mut topics = peer.inner.topics.lock();
            if topics.len() < peer.inner.limits.topics && topic.len() <= 512 {
                topics.insert(topic);
            } else {
                peer.inner.faults.note(Fault::Excess, peer.number(), "more or longer topics than are kept");
            }
        }
        Ok(Message::Unsubscribe(topic)) => {
            peer.inner.topics.lock().remove(&topic);
        }
        Ok(Message::Event { .. }) => {}
        Err(malformed) => {
            peer.inner.faults.note(Fault::Malformed, peer.number(), &malformed.message);
            if let Some(id) = malformed.request_id {
                let error = crate::CallError::bad_request(malformed.message);
                let _ = peer.send(protocol::failed(&id, &error));
            }
        }
    }
}

async fn write(peer: &Peer, sink: &mut (impl Sink<Frame, Error = Error> + Unpin)) -> End {
    loop {
        peer.inner.outbox.filled().await;
        // What other tasks are about to send goes with it: sending is what costs most, whatever its size.
        tokio::task::yield_now().await;
        let Some(frames) = peer.inner.outbox.take() else { break };
        let binary = peer.inner.binary.load(std::sync::atomic::Ordering::Relaxed);
        for frame in frames {
            let frame = match frame {
                outbox::Frame::Data(data) if binary => Frame::Binary(data),
                outbox::Frame::Data(data) => match Utf8Bytes::try_from(data) {
                    Ok(text) => Frame::Text(text),
                    // JSON of ours is UTF-8; were it not, nobody could read it.
                    Err(_) => continue,
                },
                outbox::Frame::Ping => Frame::Ping(Bytes::new()),
                outbox::Frame::Close(code, reason) => {
                    let close = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
                    let _ = tokio::time::timeout(FAREWELL, sink.send(Frame::Close(Some(close)))).await;
                    // The other end answers with a close frame of its own, which ends the reading.
                    tokio::time::sleep(FAREWELL).await;
                    return End::Left;
                }
            };
            if let Err(error) = sink.feed(frame).await {
                return broken(error);
            }
        }
        if let Err(error) = sink.flush().await {
            return broken(error);
        }
    }
    if peer.inner.closed.is_cancelled() { End::Left } else { End::Stalled }
}

/// Asks for a sign of life where there was none for a heartbeat, and gives up after two. It looks at moments that all
/// connections share, and so up to a grid's step early: ten thousand quiet connections would wake the process
/// thousands of times otherwise, each for a ping.
async fn watch(peer: &Peer) -> End {
    let beat = peer.inner.limits.heartbeat;
    let step = beat / STEPS;
    let mut asked = None;
    let (mut checked, mut doubted) = (Instant::now(), false);
    loop {
        let heard = Duration::from_millis(peer.inner.heard.load(std::sync::atomic::Ordering::Relaxed));
        let silent = peer.inner.begun.elapsed().saturating_sub(heard) + step;
        if silent >= beat * 2 {
            return End::Silent;
        }
        if peer.inner.outbox.writing_since().is_some_and(|since| since.elapsed() + step >= beat * 2)
            || peer.inner.outbox.is_shut()
        {
            return End::Stalled;
        }
        if silent >= beat && asked != Some(heard) {
            asked = Some(heard);
            peer.inner.outbox.push_ping();
        }
        if doubted || checked.elapsed() + step >= beat {
            checked = Instant::now();
            if !peer.inner.service.welcome(peer).await {
                return End::Unwelcome;
            }
        }
        let due = if asked == Some(heard) { beat * 2 } else { beat };
        let look = on_grid(peer.inner.begun + heard + due, step);
        let look = tokio::time::sleep_until(look.max(Instant::now() + Duration::from_millis(1)).into());
        doubted = tokio::select! {
            () = look => false,
            () = peer.inner.recheck.notified() => true,
        };
    }
}

/// The last moment of a grid that is the same for the whole process, before or at this one.
fn on_grid(moment: Instant, step: Duration) -> Instant {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let past = moment.saturating_duration_since(*ORIGIN).as_nanos();
    let over = past.checked_rem(step.as_nanos()).unwrap_or_default();
    moment.checked_sub(Duration::from_nanos(u64::try_from(over).unwrap_or_default())).unwrap_or(moment)
}
