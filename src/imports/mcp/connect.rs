//! Connecting to an MCP server, in whichever revision of the protocol it speaks.

use std::{collections::HashMap, sync::Arc, time::Duration};

use alkhub_core::{CallError, import::mcp::Tool};
use http::{HeaderName, HeaderValue};
use reqwest::Url;
use rmcp::{
    RoleClient,
    model::ProtocolVersion,
    service::{
        ClientInitializeError, ClientLifecycleMode, RunningService, serve_client_with_lifecycle_and_ct,
    },
    transport::{
        StreamableHttpClientTransport, async_rw::AsyncRwTransport,
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Config, Credentials, Mcp,
    child::{self, Group},
    client::{Client, Connection, Followed},
    failure,
};

/// Longest time until a server has said what it is and offers. An old one may leave the first question of the new
/// protocol unanswered, which the library waits ten seconds for.
const PATIENCE: Duration = Duration::from_secs(25);
/// Silence after which a stream of notifications is opened anew; servers send a sign of life more often than this.
const SILENCE: Duration = Duration::from_secs(300);
/// How long what a program has said before its end may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Requests that may run at once over one connection.
const CONCURRENT: usize = 512;

/// A header as it can be sent.
///
/// # Errors
/// VALIDATION_ERROR.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), CallError> {
    let at = || alkhub_core::validate::child("/headers", name);
    let named = HeaderName::try_from(name).map_err(|_| CallError::fault(at(), "is no name of a header"))?;
    // What the protocol and the connection need is not for others to set.
    const OWN: [&str; 8] = [
        "accept",
        "connection",
        "content-length",
        "content-type",
        "host",
        "last-event-id",
        "mcp-session-id",
        "transfer-encoding",
    ];
    if OWN.contains(&named.as_str()) || named.as_str().starts_with("mcp-") {
        return Err(CallError::fault(at(), "is a header that the hub sets itself"));
    }
    let mut value =
        HeaderValue::try_from(value).map_err(|_| CallError::fault(at(), "must be printable ASCII text"))?;
    value.set_sensitive(true);
    Ok((named, value))
}

impl Mcp {
    /// Connects and asks for the tools.
    pub(super) async fn connect(
        &self,
        service: &str,
        config: &Config,
        credentials: &Credentials,
    ) -> Result<(Arc<Connection>, Vec<Tool>), CallError> {
        // Each time: what was allowed when it was stored may not be any more.
        config.check(credentials, self.inner.outbound.guard(), &self.inner.stdio.load())?;
        let connected = async {
            let connection = Arc::new(self.open(service, config, credentials).await?);
            let tools = connection.tools().await.map_err(|error| failure::of_list(service, error))?;
            Ok((connection, tools))
        };
        timeout(PATIENCE, connected).await.unwrap_or_else(|_| Err(failure::silent(service)))
    }

    async fn open(
        &self,
        service: &str,
        config: &Config,
        credentials: &Credentials,
    ) -> Result<Connection, CallError> {
        match self.greet(service, config, credentials, newest()).await? {
            // It knows the new greeting and yet speaks only what came before it.
            Err(ClientInitializeError::NoCompatibleProtocolVersion { .. }) => {
                let greeted =
                    self.greet(service, config, credentials, ClientLifecycleMode::Initialize).await?;
                greeted.map_err(|error| failure::of_start(service, &error))
            }
            greeted => greeted.map_err(|error| failure::of_start(service, &error)),
        }
    }

    async fn greet(
        &self,
        service: &str,
        config: &Config,
        credentials: &Credentials,
        greeting: ClientLifecycleMode,
    ) -> Result<Result<Connection, ClientInitializeError>, CallError> {
        let stop = self.inner.quiet.child_token();
        // From here on, leaving early ends whatever has begun.
        let guard = stop.clone().drop_guard();
        let changed = Arc::new(Notify::new());
        let followed = Followed::default();
        let client = Client::new(service, changed.clone(), followed.clone());
        let mut group = None;
        let running = match (&config.url, &config.stdio) {
            (Some(url), _) => {
                let transport = self.http(url, credentials)?;
                serve_client_with_lifecycle_and_ct(client, transport, greeting, stop).await
            }
            (None, Some(program)) => {
                let (child, stdout, stdin) =
                    child::start(service, program, &self.inner.stdio.load(), credentials)?;
                group = Some(child);
                let bytes = self.inner.outbound.limits().response_bytes;
                let transport = AsyncRwTransport::new_client(stdout, stdin).with_max_line_length(bytes);
                serve_client_with_lifecycle_and_ct(client, transport, greeting, stop).await
            }
            (None, None) => {
                return Err(CallError::internal(&"an MCP server without URL and program is stored"));
            }
        };
        let running = match running {
            Ok(running) => running,
            Err(error) => return Ok(Err(error)),
        };
        let peer = running.peer().clone();
        let info = peer.peer_info();
        let (server, protocol) = info.as_deref().map_or_else(Default::default, |info| {
            let server = info.server_info.as_ref();
            (
                server.map(|server| format!("{} {}", server.name, server.version)),
                info.protocol_version.to_string(),
            )
        });
        let closed = CancellationToken::new();
        self.inner.tasks.spawn(end(running, group, closed.clone()));
        Ok(Ok(Connection {
            stateless: info.is_some_and(|info| !info.protocol_version.has_initialize()),
            server: server.unwrap_or_default(),
            peer,
            closed,
            changed,
            followed,
            protocol,
            _stop: guard,
        }))
    }

    fn http(
        &self,
        url: &str,
        credentials: &Credentials,
    ) -> Result<StreamableHttpClientTransport<reqwest::Client>, CallError> {
        let outbound = &self.inner.outbound;
        let target = Url::parse(url).map_err(|error| CallError::internal(&error))?;
        let http = outbound.client_for(&target, SILENCE, CONCURRENT)?;
        let bytes = outbound.limits().response_bytes;
        let mut headers = HashMap::new();
        for (name, value) in &credentials.headers {
            let (name, value) = header(name, value)?;
            headers.insert(name, value);
        }
        let mut config = StreamableHttpClientTransportConfig::with_uri(url)
            .max_concurrent_requests(CONCURRENT)
            .max_json_response_size(bytes)
            .max_sse_event_size(bytes)
            .custom_headers(headers);
        config.auth_header.clone_from(&credentials.bearer);
        config.channel_buffer_capacity = CONCURRENT;
        Ok(StreamableHttpClientTransport::with_client(http, config))
    }
}

/// The newest revision first; what does not know it is greeted in the old way.
fn newest() -> ClientLifecycleMode {
    ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
    }
}

/// Waits until a connection is over and then sees to it that its program is, too.
async fn end(running: RunningService<RoleClient, Client>, group: Option<Group>, closed: CancellationToken) {
    let _over = closed.drop_guard();
    let mut over = std::pin::pin!(running.waiting());
    let Some(mut group) = group else {
        let _ = over.await;
        return;
    };
    tokio::select! {
        _ = &mut over => {}
        // What it has said last is still to be read.
        () = group.ended() => { let _ = timeout(LAST_WORDS, over).await; }
    }
    group.end().await;
}
