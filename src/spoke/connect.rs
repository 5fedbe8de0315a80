//! One connection from a spoke to its hub: the upgrade, with everything that HTTP clients know of TLS and proxies.

use std::time::Duration;

use alkhub_core::{peer, protocol::SUBPROTOCOL};
use reqwest::{StatusCode, Upgraded, Url, header};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::{client::generate_key, derive_accept_key},
        protocol::Role,
    },
};

use crate::config::Secret;

/// How long the way to a connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The key is not accepted; trying again will not help.
    #[error("the hub does not accept the key: {0}")]
    Denied(String),
    /// What answers is no hub; trying again will not help.
    #[error("what answers at {0} is not an alkhub: {1}")]
    NotAHub(Url, String),
    /// The hub cannot be reached, or has no room; it may later.
    #[error("{0}")]
    Away(String),
}

/// Where a hub's call protocol is: `<hub>/ws`.
///
/// # Errors
/// A sentence where the address is not one.
pub fn endpoint(hub: &Url) -> Result<Url, String> {
    let text = hub.as_str().replacen("ws://", "http://", 1).replacen("wss://", "https://", 1);
    let mut url = Url::parse(&text).map_err(|error| format!("{hub} is not an address: {error}"))?;
    if !url.path().trim_end_matches('/').ends_with("/ws") {
        let path = format!("{}/ws", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    Ok(url)
}

/// A client that opens such connections.
///
/// # Errors
/// What the HTTP library says.
pub fn client(hub: &Url) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder().http1_only().connect_timeout(PATIENCE).tcp_nodelay(true);
    if hub.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]")) {
        builder = builder.no_proxy();
    }
    builder.build()
}

/// Opens a connection.
///
/// # Errors
/// Why there is none.
pub async fn connect(
    client: &reqwest::Client,
    endpoint: &Url,
    key: &Secret,
    limits: &peer::Limits,
) -> Result<WebSocketStream<Upgraded>, ConnectError> {
    tokio::time::timeout(PATIENCE, Box::pin(upgrade(client, endpoint, key, limits))).await.map_err(|_| {
        ConnectError::Away(format!("{endpoint} did not answer within {} s", PATIENCE.as_secs()))
    })?
}

async fn upgrade(
    client: &reqwest::Client,
    endpoint: &Url,
    key: &Secret,
    limits: &peer::Limits,
) -> Result<WebSocketStream<Upgraded>, ConnectError> {
    let nonce = generate_key();
    let request = client
        .get(endpoint.clone())
        .bearer_auth(key.expose())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &nonce)
        .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    let response = request.send().await.map_err(|error| ConnectError::Away(reason(endpoint, &error)))?;
    let status = response.status();
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let problem: serde_json::Value = response.json().await.unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or("it gave no reason").to_owned();
        return Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ConnectError::Denied(detail),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                ConnectError::Away(format!("the hub answered with {status}: {detail}"))
            }
            status => ConnectError::NotAHub(endpoint.clone(), format!("it answered with {status}")),
        });
    }
    let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
    if accepted.is_none_or(|accepted| accepted.as_bytes() != derive_accept_key(nonce.as_bytes()).as_bytes()) {
        return Err(ConnectError::NotAHub(endpoint.clone(), "it does not speak WebSocket".to_owned()));
    }
    let socket = response.upgrade().await.map_err(|error| ConnectError::Away(reason(endpoint, &error)))?;
    Ok(WebSocketStream::from_raw_socket(socket, Role::Client, Some(peer::socket_config(limits))).await)
}

/// The innermost cause, which is the one that helps.
fn reason(endpoint: &Url, error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("{endpoint} cannot be reached: {cause}")
}
