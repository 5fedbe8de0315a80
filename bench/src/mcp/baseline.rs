//! A bare rmcp server with one tool, the kit's echo.

use std::sync::Arc;

use alkhub_testkit::api::kit::echo;
use rmcp::{
    RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, InitializeResult,
        ListToolsResult, PaginatedRequestParams, ServerCapabilities, Tool,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService,
        session::{local::LocalSessionManager, never::NeverSessionManager},
    },
};
use serde_json::Value;

use super::End;

#[derive(Clone)]
struct Bare;

impl ServerHandler for Bare {
    fn get_info(&self) -> InitializeResult {
        InitializeResult::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = |text: &str| match serde_json::from_str(text) {
            Ok(Value::Object(schema)) => Arc::new(schema),
            _ => Arc::default(),
        };
        let descriptor = alkhub_testkit::api::OPERATIONS.iter().find(|operation| operation.id == "kit.echo");
        let descriptor = descriptor.ok_or_else(|| ErrorData::internal_error("no echo", None))?;
        let mut tool = Tool::new("kit_echo", descriptor.description, schema(descriptor.input_schema));
        tool.output_schema = Some(schema(descriptor.output_schema));
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let wrong = |error: serde_json::Error| ErrorData::invalid_params(error.to_string(), None);
        let input: echo::Input =
            serde_json::from_value(Value::Object(request.arguments.unwrap_or_default())).map_err(wrong)?;
        let output = echo::Output { text: input.text.repeat(usize::try_from(input.times).unwrap_or(1)) };
        let output = serde_json::to_value(output).map_err(wrong)?;
        let mut result = CallToolResult::success(vec![ContentBlock::text(output.to_string())]);
        result.structured_content = Some(output);
        Ok(result.into())
    }
}

/// Serves it: each request for itself and answered as JSON, which is fastest, or as rmcp does unless told otherwise.
pub(crate) async fn serve(sessions: bool) -> End {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    crate::servers::announce(listener.local_addr()?)?;
    let settings = StreamableHttpServerConfig::default();
    let routes = axum::Router::new();
    let routes = if sessions {
        let manager = Arc::new(LocalSessionManager::default());
        routes.nest_service("/mcp", StreamableHttpService::new(|| Ok(Bare), manager, settings))
    } else {
        let settings = settings.with_legacy_session_mode(false).with_json_response(true);
        let manager = Arc::new(NeverSessionManager::default());
        routes.nest_service("/mcp", StreamableHttpService::new(|| Ok(Bare), manager, settings))
    };
    axum::serve(listener, routes).await?;
    Ok(())
}
