//! `mcp.test`

use alkhub_api::{
    errors::ServiceNotFound,
    mcp::test::{Error, Input, Output, OutputToolsItem, Test},
    shared::McpRejected,
};
use alkhub_core::{Call, CallError, Handle};

use crate::{
    hub::Hub,
    imports::mcp::{Config, Credentials, Given, KIND},
    storage::services,
};

impl Handle<Test> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let given = Given { bearer: input.bearer, headers: input.headers, env: input.env };
        let described = input.url.is_some() || input.stdio.is_some();
        let name = input.name.unwrap_or_else(|| "test".to_owned());
        let (config, credentials) = if described {
            let stdio = input.stdio.map(Into::into);
            (Config { url: input.url, stdio, ..Config::default() }, given.over(Credentials::default()))
        } else {
            let Some(service) = services::get(&self.database, KIND, &name).await? else {
                return Err(Error::ServiceNotFound(ServiceNotFound { name }));
            };
            let config =
                serde_json::from_str(&service.config).map_err(|error| CallError::internal(&error))?;
            (config, given.over(self.open_mcp(service.credentials.as_deref()).await?))
        };
        let found = self.mcp.probe(&name, &config, &credentials).await?;
        let (tools, rejected) = self.mcp.operations(&name, &config, &found.tools).await?;
        let tools = tools.into_iter().map(|(tool, operation, description)| OutputToolsItem {
            tool,
            operation,
            description,
        });
        let rejected = rejected.into_iter().map(|(tool, reason)| McpRejected { tool, reason });
        Ok(Output {
            protocol: found.protocol,
            server: found.server,
            took_ms: i64::try_from(found.took.as_millis()).unwrap_or(i64::MAX),
            tools: tools.collect(),
            rejected: rejected.collect(),
        })
    }
}
