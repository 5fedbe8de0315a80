//! The peers that spokes and clients in Rust use.

use std::sync::Arc;

use alkhub_core::{CallError, Engine, Identity, Peer, Registry, engine, identity::Caller, peer};
use alkhub_testkit::Kit;
use async_trait::async_trait;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{End, wire::Wire};

/// Serves the kit's operations to whoever asks.
pub(super) struct Serving(Engine);

#[async_trait]
impl peer::Service for Serving {
    fn engine(&self) -> &Engine {
        &self.0
    }

    async fn identify(&self, _peer: &Peer, _claimed: Option<Identity>) -> Result<Caller, CallError> {
        let scopes = vec!["kit:use".to_owned()];
        Ok(Some(Arc::new(Identity { id: "bench".to_owned(), scopes, ..Identity::default() })))
    }
}

/// A service with the kit's operations.
pub(super) fn kit() -> Arc<Serving> {
    let mut registry = Registry::new();
    alkhub_testkit::api::register(&Arc::new(Kit::default()), &mut registry);
    Arc::new(Serving(Engine::new(registry, engine::Limits::default(), Vec::new())))
}

/// Runs a peer over a connection.
pub(super) fn run<S>(socket: WebSocketStream<S>) -> Peer
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let peer = Peer::new(kit(), peer::Limits::default());
    tokio::spawn(peer::run(peer.clone(), socket));
    peer
}

/// A peer that is connected to the hub.
pub(super) async fn connect(address: &str) -> End<Peer> {
    let Wire(socket): Wire = Wire::connect(address).await?;
    let _: &MaybeTlsStream<_> = socket.get_ref();
    Ok(run(socket))
}

/// Registers operations of the kit.
pub(super) async fn register(peer: &Peer, id: &str, operations: &[(&str, &str)]) -> End {
    let operations: Vec<_> = operations
        .iter()
        .map(|(name, kind)| {
            serde_json::json!({
                "namespace": "kit", "name": name, "version": "1.0.0", "type": kind, "description": "For a benchmark.",
                "inputSchema": { "type": "object" }, "outputSchema": {}, "accessControl": { "requiredScopes": [] },
            })
        })
        .collect();
    let input = serde_json::json!({ "spokeId": id, "spokeType": "bench", "operations": operations });
    peer.call(peer::Outgoing::new("hub.register", input.to_string()))
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
}
