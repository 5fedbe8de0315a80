//! What the hub adds to a call of an MCP tool: the same tool, called at its server and through the hub, in turns.

use std::time::{Duration, Instant};

use reqwest::Client;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};

use crate::{
    drive::Served,
    measure::middle,
    servers::{KEY, announce},
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> std::result::Result<ListToolsResult, ErrorData> {
        let schema = json!({ "type": "object", "properties": { "text": { "type": "string" } } });
        let schema = schema.as_object().cloned().unwrap_or_default();
        Ok(ListToolsResult::with_all_items(vec![Tool::new("echo", "Gives back.", schema)]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> std::result::Result<CallToolResponse, ErrorData> {
        let text = request.arguments.and_then(|arguments| Some(arguments.get("text")?.as_str()?.to_owned()));
        Ok(CallToolResponse::Complete(CallToolResult::success(vec![ContentBlock::text(
            text.unwrap_or_default(),
        )])))
    }
}

/// Serves the tool; used by the other.
pub(crate) async fn serve() -> Result<()> {
    let service: StreamableHttpService<Echo, LocalSessionManager> =
        StreamableHttpService::new(|| Ok(Echo), Default::default(), StreamableHttpServerConfig::default());
    let router = axum::Router::new().nest_service("/mcp", service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    announce(listener.local_addr()?)?;
    axum::serve(listener, router).await?;
    Ok(())
}

/// Prints the medians of both ways and their difference.
pub(crate) fn run(calls: usize, rounds: usize) -> Result<()> {
    let (server, hub) = (Served::start("mcp")?, Served::start("hub")?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::new();
        let url = format!("http://{}/mcp", server.address());
        let added = client
            .post(format!("http://{}/api/mcp-servers", hub.address()))
            .bearer_auth(KEY)
            .json(&json!({ "name": "bench", "url": url }))
            .send()
            .await?;
        if !added.status().is_success() {
            return Err(added.text().await?.into());
        }
        let direct = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "echo", "arguments": { "text": "hello" }, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {} } } });
        let through = json!({ "operationId": "bench.echo", "input": { "text": "hello" } });
        let call = format!("http://{}/api/call", hub.address());
        let mut added = Vec::new();
        for round in 0..=rounds {
            let own = measure(&client, &url, &direct, calls).await?;
            let hubs = measure(&client, &call, &through, calls).await?;
            // The first round is for warming up.
            if round > 0 {
                println!("direct p50 {own:.3} ms, through the hub p50 {hubs:.3} ms");
                added.push(hubs - own);
            }
        }
        added.sort_by(f64::total_cmp);
        println!(
            "added by the hub, median of {rounds} rounds of {calls} calls: {:.3} ms (aim: below 1)",
            middle(&added)
        );
        Ok(())
    })
}

/// The median time of a call in milliseconds.
async fn measure(client: &Client, url: &str, body: &Value, calls: usize) -> Result<f64> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let begun = Instant::now();
        let answer = client
            .post(url)
            .bearer_auth(KEY)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "echo")
            .timeout(Duration::from_secs(10))
            .json(body)
            .send()
            .await?;
        let text = answer.text().await?;
        if !text.contains("hello") {
            return Err(text.into());
        }
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(middle(&times))
}
