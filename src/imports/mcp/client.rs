//! The hub as an MCP client: one connection to one server.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use alkhub_core::import::mcp::Tool;
use parking_lot::Mutex;
use rmcp::{
    ClientHandler, Peer, RoleClient,
    model::{
        CallToolRequest, CallToolRequestParams, CancelledNotificationParam, ClientConfig, ClientRequest,
        Implementation, JsonObject, ListToolsRequest, PaginatedRequestParams, ProgressNotificationParam,
        ProgressToken, RequestId, ServerResult,
    },
    service::{NotificationContext, PeerRequestOptions, ServiceError},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex as Turn, Notify};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::progress::{Progress, Step};

/// Most tools of a server.
const MOST_TOOLS: usize = 5000;
/// Most pages of its list.
const MOST_PAGES: usize = 500;
/// Most bytes of all descriptions.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Longest message of a word on progress that is passed on, in characters.
const LONGEST_MESSAGE: usize = 500;

/// What the hub is to a server.
pub(super) struct Client {
    name: String,
    changed: Arc<Notify>,
    followed: Followed,
}

impl Client {
    pub(super) fn new(service: &str, changed: Arc<Notify>, followed: Followed) -> Self {
        Self { name: format!("alkdev-{service}"), changed, followed }
    }
}

/// Calls whose callers hear of progress, by the token that the library gave their request. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Followed {
    inner: Arc<Followers>,
}

#[derive(Default)]
struct Followers {
    by_token: Mutex<HashMap<ProgressToken, Arc<Progress>>>,
    /// Held while a request is sent and entered.
    entering: Turn<()>,
}

impl Followed {
    fn told(&self, progress: ProgressNotificationParam) {
        let follower = self.inner.by_token.lock().get(&progress.progress_token).cloned();
        if let Some(follower) = follower {
            let message = progress.message.map(|mut message| {
                let end = message.char_indices().nth(LONGEST_MESSAGE).map_or(message.len(), |(at, _)| at);
                message.truncate(end);
                message
            });
            follower.tell(Step { progress: progress.progress, total: progress.total, message });
        }
    }
}

/// A call that is followed, until it is dropped.
struct Following(Followed, ProgressToken);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.inner.by_token.lock().remove(&self.1);
    }
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        // No capabilities: the hub has nobody whom a server could ask for anything.
        let implementation = Implementation::new(self.name.clone(), env!("CARGO_PKG_VERSION"));
        ClientConfig::new(Default::default(), implementation)
    }

    async fn on_progress(
        &self,
        progress: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        // A request is entered in the same turn in which it is sent: what is told of it cannot come before.
        drop(self.followed.inner.entering.lock().await);
        self.followed.told(progress);
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}

/// An open connection. It ends when it is dropped.
pub(super) struct Connection {
    pub(super) peer: Peer<RoleClient>,
    /// Cancelled once the connection is over.
    pub(super) closed: CancellationToken,
    /// Woken when the server says that its tools have changed.
    pub(super) changed: Arc<Notify>,
    pub(super) followed: Followed,
    /// Name and version of the server.
    pub(super) server: String,
    /// Revision of the protocol.
    pub(super) protocol: String,
    /// Whether there is nothing like a session: notifications have to be asked for.
    pub(super) stateless: bool,
    pub(super) _stop: DropGuard,
}

/// Why a call or a list did not come to its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said so, or the way to it is broken.
    Service(ServiceError),
    /// It answered with more than is taken.
    TooMuch(&'static str),
    /// It answered with what is not understood.
    Strange(String),
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    tools: Vec<Value>,
    next_cursor: Option<String>,
}

impl Connection {
    /// Calls a tool. When the future is dropped, the server is told that nobody waits any more.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: JsonObject,
        progress: Option<Arc<Progress>>,
    ) -> Result<Value, Failure> {
        let params = CallToolRequestParams::new(Cow::Owned(tool.to_owned())).with_arguments(arguments);
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let result = self.request(request, progress).await?;
        // As text: the library keeps some numbers as `f32`, which as values would become others.
        let result = serde_json::to_vec(&result).and_then(|text| serde_json::from_slice(&text));
        let mut result: Value = result.map_err(|error| Failure::Strange(error.to_string()))?;
        let kind = result.as_object_mut().and_then(|fields| fields.remove("resultType"));
        match kind.as_ref().and_then(Value::as_str) {
            None | Some("complete") => Ok(result),
            Some("input_required") => {
                Err(Failure::Strange("it asks for input that only a person could give".to_owned()))
            }
            Some(other) => Err(Failure::Strange(format!("its result is of the unknown type {other:?}"))),
        }
    }

    /// All tools, by name. Those that cannot be read are left out.
    pub(super) async fn tools(&self) -> Result<Vec<Tool>, Failure> {
        let (mut tools, mut bytes, mut cursor) = (Vec::<Tool>::new(), 0, None::<String>);
        for _ in 0..MOST_PAGES {
            let mut request = ListToolsRequest::default();
            if let Some(cursor) = cursor.take() {
                request.params = Some(PaginatedRequestParams::default().with_cursor(Some(cursor)));
            }
            // Past the cache of the library: this is asked in order to know what is so now.
            let result = self.request(ClientRequest::ListToolsRequest(request), None).await?;
            let page: List = serde_json::to_value(result)
                .and_then(serde_json::from_value)
                .map_err(|error| Failure::Strange(error.to_string()))?;
            for tool in page.tools {
                bytes += tool.to_string().len();
                match serde_json::from_value::<Tool>(tool) {
                    Ok(tool) => tools.push(tool),
                    Err(error) => {
                        tracing::warn!(server = self.server, %error, "a tool of an MCP server cannot be read")
                    }
                }
            }
            if tools.len() > MOST_TOOLS || bytes > MOST_BYTES {
                return Err(Failure::TooMuch("its list of tools is too long"));
            }
            match page.next_cursor.filter(|cursor| !cursor.is_empty()) {
                Some(next) => cursor = Some(next),
                None => {
                    tools.sort_by(|one, other| one.name.cmp(&other.name));
                    tools.dedup_by(|one, other| one.name == other.name);
                    return Ok(tools);
                }
            }
        }
        Err(Failure::TooMuch("its list of tools does not end"))
    }

    async fn request(
        &self,
        request: ClientRequest,
        progress: Option<Arc<Progress>>,
    ) -> Result<ServerResult, ServiceError> {
        let options = PeerRequestOptions::no_options();
        let (mut handle, _following) = match progress {
            None => (self.peer.send_cancellable_request(request, options).await?, None),
            Some(progress) => {
                let _turn = self.followed.inner.entering.lock().await;
                let handle = self.peer.send_cancellable_request(request, options).await?;
                self.followed.inner.by_token.lock().insert(handle.progress_token.clone(), progress);
                let following = Following(self.followed.clone(), handle.progress_token.clone());
                (handle, Some(following))
            }
        };
        let mut waiting = Waiting { peer: &self.peer, id: Some(handle.id.clone()) };
        let answer = (&mut handle.rx).await;
        waiting.id = None;
        answer.map_err(|_| ServiceError::TransportClosed)?
    }
}

/// A request that is not answered yet.
struct Waiting<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let peer = self.peer.clone();
        let told = async move {
            let params = CancelledNotificationParam::new(Some(id), Some("the caller has left".to_owned()));
            let _ = peer.notify_cancelled(params).await;
        };
        runtime.spawn(told);
    }
}
