//! The accept loop. poem's own server cannot bound the time and size of headers or the number of connections, so
//! hyper is driven here directly, with poem's endpoint as its service.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{Request as HyperRequest, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
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
    let mut builder = self::builder(&current.limits);
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
            builder = self::builder(&current.limits);
        }
        let patience = current.limits.write_timeout;
        converse(&builder, &graceful, routes.clone(), stream, peer, (patience, place));
    }
    drop(listener);
    tokio::time::timeout(grace, graceful.shutdown()).await.is_ok()
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

fn converse(
    builder: &auto::Builder<Streams>,
    graceful: &GracefulShutdown,
    routes: Arc<Routes>,
    stream: TcpStream,
    peer: SocketAddr,
    (patience, place): (Duration, OwnedSemaphorePermit),
) {
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
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(Impatient::new(stream, patience)), service)
        .into_owned();
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, %peer, "a connection ended with an error");
        }
        drop(place);
    });
}
