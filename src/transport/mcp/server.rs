//! The hub as rmcp serves it: methods of the protocol, each for one request.

use std::borrow::Cow;

use rmcp::{
    RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, ErrorData, Implementation, InitializeResult,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
        ServerCapabilities, SubscriptionFilter,
    },
    service::{RequestContext, SubscriptionContext},
};

use super::{
    changes::Changes,
    context::Context,
    resources,
    tools::{Asked, Progress, Tools},
};
use crate::transport::http::HttpState;

/// What models are told of the hub before they see its tools.
const INSTRUCTIONS: &str = "alkhub reaches every capability of every connected machine and service as an operation. \
Find one with `search`, look at what it takes with `schema`, and `call` it by its id; `batch` calls several at once. \
Operations that are used often are tools of their own.";

/// Revisions that are spoken; the same as [`super::REVISIONS`].
static SUPPORTED: [ProtocolVersion; 4] = [
    ProtocolVersion::V_2025_03_26,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

/// Serves the methods. Cheap to clone: rmcp takes one for each request.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) state: HttpState,
    pub(super) tools: Tools,
    pub(super) places: std::sync::Arc<tokio::sync::Semaphore>,
}

impl ServerHandler for Server {
    fn get_info(&self) -> InitializeResult {
        let capabilities = ServerCapabilities::builder()
            .enable_prompts()
            .enable_resources()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        InitializeResult::new(capabilities)
            .with_server_info(Implementation::new("alkhub", env!("CARGO_PKG_VERSION")).with_title("alkhub"))
            .with_instructions(INSTRUCTIONS)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&SUPPORTED)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let cx = Context::of(&context.extensions)?;
        Ok(ListToolsResult::with_all_items(self.tools.list(&cx.caller)))
    }

    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let cx = Context::of(&context.extensions)?;
        let asked = Asked {
            cx: &cx,
            arguments: request.arguments.take().unwrap_or_default(),
            progress: Progress::new(context.peer.clone(), context.meta.get_progress_token()),
            key: context.meta.get("alkhub/idempotencyKey").and_then(|key| key.as_str()).map(str::to_owned),
        };
        let left = context.ct.cancelled();
        let call = self.tools.call(&request.name, asked);
        tokio::select! {
            biased;
            result = call => result.map(CallToolResponse::from),
            // Dropping the call aborts it; its answer has nobody to go to.
            () = left => Err(ErrorData::internal_error("the request was cancelled", None)),
        }
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::default())
    }

    async fn list_resources(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        resources::list(&self.tools, &*Context::of(&context.extensions)?, page)
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates(&self.tools, &*Context::of(&context.extensions)?))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let cx = Context::of(&context.extensions)?;
        tokio::select! {
            biased;
            read = resources::read(&self.tools, &cx, &request.uri) => read.map(ReadResourceResponse::from),
            () = context.ct.cancelled() => Err(ErrorData::internal_error("the request was cancelled", None)),
        }
    }

    fn accepted_subscription_filter(&self, _requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(SubscriptionFilter::builder().tools_list_changed().build())
    }

    /// The stream of notifications of revisions without sessions.
    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let cx = Context::of(&context.request_context().extensions)?;
        let Ok(_place) = self.places.clone().try_acquire_owned() else {
            return Err(ErrorData::internal_error(
                "the hub holds as many streams as it may; try again",
                None,
            ));
        };
        let changes = Changes::new(&self.state, &self.tools, &cx.caller, None).await;
        let Ok(mut changes) = changes else {
            return Err(ErrorData::internal_error("the key cannot be looked up at the moment", None));
        };
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = changes.next() => {
                    if !changed || context.sink().notify_tool_list_changed().await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}
