//! The upgrade: who it is, whether there is room, and then the protocol.

use std::{future::IntoFuture, sync::Arc};

use alkhub_core::{
    CallError, Peer,
    error::codes,
    peer::{self, Limits},
    protocol::SUBPROTOCOL,
    rate::Notes,
};
use poem::{
    Endpoint, Request, Response,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::Connection;
use crate::{
    keys::{Admission, VerifyError},
    transport::http::{HttpState, endpoint::refused, problem, request_id, told},
};

/// How a browser, which cannot set headers, shows its key: as a subprotocol of this form.
const BEARER: &str = "bearer.";

/// `GET /ws`
pub struct Upgrade(pub HttpState);

impl Endpoint for Upgrade {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = request_id(&request);
        let error = match self.upgrade(&request).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let notes = Notes::default();
        let origin = told::origin(&request, self.0.config.load().rate.proxies);
        let mut response = problem::response(&refused(&self.0.engine, error, origin, &notes).await, id);
        told::apply(&mut response, &notes);
        Ok(response)
    }
}

impl Upgrade {
    async fn upgrade(&self, request: &Request) -> Result<Response, CallError> {
        let headers = request.headers();
        let key = asked(headers)?;
        let (identity, admission) = self.admit(headers).await?;
        let sockets = self.0.sockets.clone();
        let Ok(place) = sockets.inner.places.clone().try_acquire_owned() else {
            let mut error =
                CallError::new(codes::UNAVAILABLE, "The hub holds as many connections as it may; try again.");
            error.retry_after = Some(1);
            return Err(error);
        };
        let upgrade = request
            .take_upgrade()
            .map_err(|_| CallError::bad_request("This connection cannot be upgraded; use HTTP/1.1."))?;
        let connection = Connection {
            engine: self.0.engine.clone(),
            keys: self.0.keys.clone(),
            spokes: self.0.spokes.clone(),
            sockets: sockets.clone(),
            events: self.0.events.clone(),
            admission,
            identity,
        };
        let limits = sockets.inner.limits.load_full();
        let peer = Peer::new(Arc::new(connection), Limits::clone(&limits));
        let task = async move {
            let _place = place;
            let socket = match upgrade.into_future().await {
                Ok(socket) => socket,
                Err(error) => return tracing::debug!(%error, "an upgrade broke off"),
            };
            sockets.add(&peer);
            let config = Some(peer::socket_config(&limits));
            let socket = WebSocketStream::from_raw_socket(socket, Role::Server, config).await;
            let number = peer.number();
            // Boxed: there are many of these tasks, and most of what they hold is in here.
            let end = sockets.inner.closing.run_until_cancelled(Box::pin(peer::run(peer, socket))).await;
            match end {
                // What a peer does wrong is said once; this ends it.
                Some(peer::End::Refused(code, reason)) => {
                    tracing::warn!(peer = number, code, reason, "a connection was ended for what it sent");
                }
                end => tracing::debug!(peer = number, ?end, "a connection of the call protocol is over"),
            }
        };
        self.0.sockets.inner.tasks.spawn(task);
        let mut response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::UPGRADE, "websocket")
            .header(header::CONNECTION, "Upgrade")
            .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()))
            .finish();
        if subprotocols(headers).any(|offered| offered == SUBPROTOCOL) {
            response
                .headers_mut()
                .insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        Ok(response)
    }

    /// Credentials in a URL would end up in logs, so there is no such way.
    async fn admit(&self, headers: &HeaderMap) -> Result<(Arc<alkhub_core::Identity>, Admission), CallError> {
        let said = match headers.get(header::AUTHORIZATION).map(HeaderValue::to_str) {
            Some(Ok(text)) => text
                .split_once(' ')
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                .map(|(_, key)| key.trim()),
            Some(Err(_)) => None,
            None => subprotocols(headers).find_map(|offered| offered.strip_prefix(BEARER)),
        };
        let Some(key) = said else {
            return Err(denied(
                "A key is needed: the header `Authorization: Bearer alk_<id>_<secret>`, or where headers cannot be set the subprotocols `alkhub.v1` and `bearer.alk_<id>_<secret>`.",
            ));
        };
        self.0.keys.admit(key).await.map_err(|refused| match refused {
            VerifyError::Store(error) => error,
            _ => denied("The key is not valid: it is malformed, unknown, expired or revoked."),
        })
    }
}

fn denied(message: &str) -> CallError {
    let mut error = CallError::new(codes::ACCESS_DENIED, message);
    error.unauthenticated = true;
    error
}

fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    offers.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(',')).map(str::trim)
}

/// The key of a proper request for an upgrade (RFC 6455 section 4.2.1).
fn asked(headers: &HeaderMap) -> Result<String, CallError> {
    let has = |name: header::HeaderName, word: &str| {
        headers
            .get_all(name)
            .into_iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    if !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        return Err(CallError::bad_request(
            "This path speaks WebSocket: connect with a WebSocket client, for example `alkhub spoke`.",
        ));
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(CallError::bad_request("Only version 13 of WebSocket is spoken here."));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
    key.map(str::to_owned).ok_or_else(|| CallError::bad_request("Sec-WebSocket-Key is missing."))
}
