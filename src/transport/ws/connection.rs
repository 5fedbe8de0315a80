//! What stands behind the hub's end of a connection.

use alkhub_core::{CallError, Engine, Identity, Peer, error::codes, identity::Caller, peer::Service};
use async_trait::async_trait;

use super::Sockets;
use crate::{
    events::Events,
    keys::{Admission, KeyStore, VerifyError},
    spokes::Spokes,
};

/// One connection's side of the hub.
pub struct Connection {
    pub(super) engine: Engine,
    pub(super) keys: KeyStore,
    pub(super) spokes: Spokes,
    pub(super) sockets: Sockets,
    pub(super) events: Events,
    /// That the connection has shown a key.
    pub(super) admission: Admission,
    /// As whom it came.
    pub(super) identity: std::sync::Arc<Identity>,
}

#[async_trait]
impl Service for Connection {
    fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The connection's key decides, as it is now; what the message claims is not looked at.
    async fn identify(&self, peer: &Peer, _claimed: Option<Identity>) -> Result<Caller, CallError> {
        match self.keys.still(&self.admission).await {
            Ok(identity) => Ok(Some(identity)),
            Err(VerifyError::Store(error)) => Err(error),
            Err(_) => {
                peer.close(4401, "the key is not valid any more");
                let mut error = CallError::new(
                    codes::ACCESS_DENIED,
                    "The key of this connection is not valid any more: it is expired, revoked or rotated.",
                );
                error.unauthenticated = true;
                Err(error)
            }
        }
    }

    async fn welcome(&self, _peer: &Peer) -> bool {
        // A database that is away for a moment is no reason to part.
        !matches!(
            self.keys.still(&self.admission).await,
            Err(VerifyError::Malformed | VerifyError::Unknown | VerifyError::Expired | VerifyError::Revoked)
        )
    }

    fn may_hear(&self, _peer: &Peer, topic: &str) -> bool {
        let kind = topic.split_once(':').map_or(topic, |(kind, _)| kind);
        self.events.types().may_see(&self.identity, kind)
    }

    fn ended(&self, peer: &Peer) {
        self.sockets.remove(peer);
        self.spokes.leave(peer, self.engine.registry());
    }
}
