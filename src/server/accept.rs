//! The accept loop. poem's own server cannot bound the time and size of headers or the number of connections, so
//! hyper is driven here directly, with poem's endpoint as its service.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{Request as HyperRequest, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use poem::{
    Addr, Endpoint, Request, Response,
    endpoint::BoxEndpoint,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use super::{
    stall::Impatient,
    streams::{Streams, Told},
};
use crate::config::{Limits, Live};

/// Routes as the loop serves them.
pub(super) type Routes = BoxEndpoint<'static, Response>;

/// How HTTP/2 begins; no method of HTTP/1 does.
const HTTP2: &[u8; 3] = b"PRI";

/// Pause between two looks at a beginning that is too short to tell.
const AGAIN: Duration = Duration::from_millis(5);

/// hyper's smallest read buffer.
const SMALLEST_BUFFER: usize = 8192;

/// Serves until `stop` is cancelled, then lets running requests finish for at most `grace`.
/// Answers whether all of them did.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Routes,
    config: Live,
    stop: CancellationToken,
    grace: Duration,
) -> bool {
    let routes = Arc::new(routes);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(config.load().limits.connections));
    let mut current = config.full();
    let mut builders = Arc::new(Builders::new(&current.limits));
    loop {
        // A place first: beyond the limit, connections wait in the kernel's queue.
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = places.clone().acquire_owned() => match place {
                Ok(place) => place,
                Err(_) => break,
            },
        };
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Most often out of file descriptors, which passes; a tight loop would make it worse.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        if !Arc::ptr_eq(&current, &config.load()) {
            current = config.full();
            builders = Arc::new(Builders::new(&current.limits));
        }
        let connection = Connection { stream, peer, watcher: graceful.watcher(), stop: stop.clone(), place };
        converse(builders.clone(), routes.clone(), connection);
    }
    drop(listener);
    tokio::time::timeout(grace, graceful.shutdown()).await.is_ok()
}

/// How connections are served, by what they speak.
struct Builders {
    one: auto::Builder<Streams>,
    two: auto::Builder<Streams>,
    header_timeout: Duration,
    write_timeout: Duration,
}

impl Builders {
    fn new(limits: &Limits) -> Self {
        Self {
            one: builder(limits).http1_only(),
            two: builder(limits).http2_only(),
            header_timeout: limits.header_timeout,
            write_timeout: limits.write_timeout,
        }
    }

    /// The one for what this connection speaks; `None` where it ends or says nothing for too long. hyper would find
    /// out as well, but by reading the first bytes apart, after which its buffer for reading is twice as large for as
    /// long as the connection lives, and without a bound of time.
    async fn of(&self, stream: &TcpStream) -> Option<&auto::Builder<Streams>> {
        let mut first = [0; HTTP2.len()];
        let looking = async {
            loop {
                let length = stream.peek(&mut first).await.ok().filter(|length| *length > 0)?;
                if first[..length] == HTTP2[..] {
                    return Some(&self.two);
                }
                if !HTTP2.starts_with(&first[..length]) {
                    return Some(&self.one);
                }
                // What was looked at stays readable, so that no more can be waited for.
                tokio::time::sleep(AGAIN).await;
            }
        };
        tokio::time::timeout(self.header_timeout, looking).await.ok()?
    }
}

fn builder(limits: &Limits) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(Streams { patience: limits.write_timeout });
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes.max(SMALLEST_BUFFER));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(256)
        .max_pending_accept_reset_streams(20)
        .keep_alive_interval(limits.idle_timeout)
        .keep_alive_timeout(limits.header_timeout);
    builder
}

/// An accepted connection.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    watcher: Watcher,
    stop: CancellationToken,
    place: OwnedSemaphorePermit,
}

fn converse(builders: Arc<Builders>, routes: Arc<Routes>, connection: Connection) {
    let Connection { stream, peer, watcher, stop, place } = connection;
    // Answers are small and whole; waiting to fill a segment would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let remote = RemoteAddr(Addr::from(peer));
    let local = LocalAddr(stream.local_addr().map_or_else(|_| Addr::custom("tcp", "unknown"), Addr::from));
    let service = service_fn(move |request: HyperRequest<Incoming>| {
        let (routes, local, remote) = (routes.clone(), local.clone(), remote.clone());
        // Boxed, because the connection would keep the future's room for as long as an answer streams.
        Box::pin(async move {
            let request = Request::from((request, local, remote, Scheme::HTTP));
            let answer = hyper::Response::from(routes.get_response(request).await);
            Ok::<_, Infallible>(answer.map(Told::new))
        })
    });
    tokio::spawn(async move {
        let builder = tokio::select! {
            () = stop.cancelled() => None,
            builder = builders.of(&stream) => builder,
        };
        let Some(builder) = builder else { return };
        let stream = TokioIo::new(Impatient::new(stream, builders.write_timeout));
        let connection = builder.serve_connection_with_upgrades(stream, service).into_owned();
        drop(builders);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, %peer, "a connection ended with an error");
        }
        drop(place);
    });
}
