//! A connection that says anything: the peer answers or ends, and never panics, hangs or grows.
#![no_main]

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use alkhub_core::{
    CallError, Engine, Identity, Peer, Registry, engine, identity::Caller, peer,
};
use async_trait::async_trait;
use libfuzzer_sys::fuzz_target;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

struct Nothing(Engine);

#[async_trait]
impl peer::Service for Nothing {
    fn engine(&self) -> &Engine {
        &self.0
    }

    async fn identify(&self, _peer: &Peer, _claimed: Option<Identity>) -> Result<Caller, CallError> {
        Ok(Some(Arc::default()))
    }

    fn may_hear(&self, _peer: &Peer, _topic: &str) -> bool {
        true
    }
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"));
static SERVICE: LazyLock<Arc<Nothing>> = LazyLock::new(|| {
    Arc::new(Nothing(Engine::new(Registry::default(), engine::Limits::default(), Vec::new())))
});

fuzz_target!(|bytes: &[u8]| {
    let wire = wire(bytes);
    RUNTIME.block_on(async {
        let limits = peer::Limits { frame_bytes: 64 * 1024, served: 16, topics: 8, ..Default::default() };
        let (mut outside, inside) = tokio::io::duplex(1024 * 1024);
        let config = peer::socket_config(&limits);
        let socket = WebSocketStream::from_raw_socket(inside, Role::Server, Some(config)).await;
        let peer = Peer::new(SERVICE.clone(), limits);
        outside.write_all(&wire[..wire.len().min(512 * 1024)]).await.expect("there is room");
        outside.shutdown().await.expect("it ends");
        let end = tokio::time::timeout(Duration::from_secs(10), peer::run(peer.clone(), socket)).await;
        end.expect("it ends");
        assert_eq!((peer.pending(), peer.serving()), (0, 0));
    });
});

/// What begins with `!` goes as it is. Otherwise pieces between zero bytes become frames: a piece that begins with `{`
/// is a text message, of any other the first byte is the first byte of the frame. So most of them are sound frames.
fn wire(bytes: &[u8]) -> Vec<u8> {
    if let Some(raw) = bytes.strip_prefix(b"!") {
        return raw.to_vec();
    }
    let mut wire = Vec::new();
    for piece in bytes.split(|byte| *byte == 0) {
        let (first, payload) = match piece {
            [] => continue,
            [b'{', ..] => (0x81, piece),
            [first, payload @ ..] => (*first, payload),
        };
        wire.push(first);
        match payload.len() {
            length @ 0..126 => wire.push(0x80 | u8::try_from(length).unwrap_or(0)),
            length => {
                wire.push(0x80 | 126);
                wire.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
            }
        }
        // A mask of zeros leaves the payload as it is.
        wire.extend([0; 4]);
        wire.extend(&payload[..payload.len().min(usize::from(u16::MAX))]);
    }
    wire
}
