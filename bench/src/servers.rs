//! The servers that are compared. Each prints its address and serves until it is killed.

use std::{io::Write, path::PathBuf, sync::Arc};

use alkhub::{
    config::{Config, Recording},
    hub::Hub,
    server::Server,
    transport::http::{HubOperations, OperationSet},
};
use alkhub_core::{Descriptor, Registry};
use alkhub_testkit::{
    Kit,
    api::kit::{echo, ingest},
};
use futures::StreamExt;
use poem::{
    EndpointExt, Route, get, handler,
    listener::{Acceptor, Listener, TcpListener},
    post,
    web::{Json, Query},
};

/// The key of the benchmark's hub.
pub(crate) const KEY: &str =
    "alk_benchbenchbenchbench_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

type End = Result<(), Box<dyn std::error::Error>>;

/// The kit's operations.
struct KitOperations;

impl OperationSet for KitOperations {
    fn operations() -> Vec<&'static Descriptor> {
        alkhub_testkit::api::OPERATIONS.to_vec()
    }

    fn register(_hub: &Arc<Hub>, registry: &mut Registry) {
        alkhub_testkit::api::register(&Arc::new(Kit::default()), registry);
    }
}

/// Serves one of them.
pub(crate) fn serve(kind: &str, data: PathBuf) -> End {
    // As the hub's own program does, so that its memory is what it is there.
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match kind {
        "hub" => runtime.block_on(hub::<(HubOperations, KitOperations)>(data)),
        // For spokes that bring the kit's operations themselves.
        "hub-alone" => runtime.block_on(hub::<HubOperations>(data)),
        "poem" => runtime.block_on(bare_poem()),
        "mcp" => runtime.block_on(crate::mcpimport::serve()),
        "llm-upstream" => runtime.block_on(crate::llm::serve()),
        "axum" => runtime.block_on(bare_axum()),
        "poem-websocket" => runtime.block_on(bare_websocket()),
        "rmcp" => runtime.block_on(crate::mcp::serve(false)),
        "rmcp-sessions" => runtime.block_on(crate::mcp::serve(true)),
        other => Err(format!(
            "{other}: not one of hub, hub-alone, mcp, llm-upstream, poem, axum, poem-websocket, rmcp, rmcp-sessions"
        )
        .into()),
    }
}

pub(crate) fn announce(address: impl std::fmt::Display) -> End {
    let mut out = std::io::stdout();
    writeln!(out, "{address}")?;
    out.flush()?;
    Ok(())
}

async fn hub<O: OperationSet + 'static>(data: PathBuf) -> End {
    let mut config = Config::default();
    // A hub that starts anew is looked for where it was.
    let port = std::env::var("ALKHUB_BENCH_PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(0);
    config.server.listen = ([127, 0, 0, 1], port).into();
    config.data = data;
    // Servers that are imported are on this machine.
    config.outbound.allow = ["127.0.0.0/8"].iter().filter_map(|net| net.parse().ok()).collect();
    config.redis.url = std::env::var("ALKHUB_BENCH_REDIS").ok().map(Into::into);
    config.database.url = std::env::var("ALKHUB_BENCH_DATABASE").ok().map(Into::into);
    config.calls.record = match std::env::var("ALKHUB_BENCH_RECORD").as_deref() {
        Ok("off") => Recording::Off,
        Ok("metadata") => Recording::Metadata,
        _ => Recording::Declared,
    };
    config.bootstrap_key = Some(KEY.to_owned().into());
    // As in production, so that what logging costs is in the figures.
    let _telemetry = alkhub::telemetry::init(&config)?;
    let server = Server::start::<O>(config).await?;
    announce(server.address())?;
    std::future::pending().await
}

fn echo_answer(input: &echo::Input) -> echo::Output {
    echo::Output { text: input.text.repeat(usize::try_from(input.times).unwrap_or(1)) }
}

fn ingest_answer(input: &ingest::Input) -> ingest::Output {
    ingest::Output {
        count: i64::try_from(input.records.len()).unwrap_or(i64::MAX),
        sum: input.records.iter().map(|record| record.value).sum(),
    }
}

#[handler]
fn poem_echo(Query(input): Query<echo::Input>) -> Json<echo::Output> {
    Json(echo_answer(&input))
}

#[handler]
fn poem_ingest(Json(input): Json<ingest::Input>) -> Json<ingest::Output> {
    Json(ingest_answer(&input))
}

async fn bare_poem() -> End {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
    let routes =
        Route::new().at("/api/kit/echo", get(poem_echo)).at("/api/kit/ingest", post(poem_ingest)).boxed();
    for address in acceptor.local_addr() {
        announce(address.to_string().trim_start_matches("socket://"))?;
    }
    poem::Server::new_with_acceptor(acceptor).run(routes).await?;
    Ok(())
}

/// Sends back every message.
#[handler]
async fn websocket_echo(socket: poem::web::websocket::WebSocket) -> impl poem::IntoResponse {
    socket.on_upgrade(|stream| async move {
        let (sink, stream) = stream.split();
        // The other side has gone.
        let _ = stream.forward(sink).await;
    })
}

async fn bare_websocket() -> End {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
    for address in acceptor.local_addr() {
        announce(address.to_string().trim_start_matches("socket://"))?;
    }
    let routes = Route::new().at("/ws", get(websocket_echo));
    poem::Server::new_with_acceptor(acceptor).run(routes).await?;
    Ok(())
}

async fn bare_axum() -> End {
    use axum::{Json, Router, extract::Query, routing};
    let routes = Router::new()
        .route(
            "/api/kit/echo",
            routing::get(async |Query(input): Query<echo::Input>| Json(echo_answer(&input))),
        )
        .route(
            "/api/kit/ingest",
            routing::post(async |Json(input): Json<ingest::Input>| Json(ingest_answer(&input))),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    announce(listener.local_addr()?)?;
    axum::serve(listener, routes).await?;
    Ok(())
}
