//! What is known of a request beside its message, on its way through rmcp to whatever serves it.

use std::{net::IpAddr, sync::Arc};

use alkhub_core::{
    Identity,
    call::Transport,
    engine::{Input, Request},
    rate::Notes,
    trace::TraceContext,
};
use rmcp::model::{ErrorData, Extensions};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::running::Running;

/// Of one request.
pub(super) struct Context {
    /// Whose key it came with.
    pub(super) caller: Arc<Identity>,
    /// Id of the HTTP request, which its first call takes.
    pub(super) request_id: Uuid,
    pub(super) origin: Option<IpAddr>,
    pub(super) trace: Option<TraceContext>,
    pub(super) notes: Arc<Notes>,
    /// Cancels whatever the request has started.
    pub(super) cancel: CancellationToken,
    /// Its place among the requests that can be cancelled by their id.
    pub(super) _running: Option<Running>,
}

impl Context {
    /// That of the request which is being served.
    pub(super) fn of(extensions: &Extensions) -> Result<Arc<Self>, ErrorData> {
        extensions
            .get::<http::request::Parts>()
            .and_then(|parts| parts.extensions.get::<Arc<Self>>())
            .cloned()
            .ok_or_else(|| ErrorData::internal_error("the request has lost its context", None))
    }

    /// A call on behalf of the request.
    pub(super) fn request(&self, id: Uuid, input: impl Into<Input>) -> Request {
        let mut request = Request::with_id(id, input, Some(self.caller.clone()), Transport::Mcp);
        request.cancel = self.cancel.child_token();
        request.trace = self.trace;
        request.origin = self.origin;
        request.notes = Some(self.notes.clone());
        request
    }
}
