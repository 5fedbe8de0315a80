//! `mcp.add`

use alkhub_api::{
    errors::ServiceExists,
    mcp::add::{Add, Error, Input, Output},
};
use alkhub_core::{Call, CallError, Handle};

use crate::{
    convert,
    hub::Hub,
    imports::mcp::{Config, Credentials, Given, KIND, document, show},
    storage::{
        Receipt,
        services::{self, Changed},
    },
};

/// How long the answer waits for the operations to be there.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

impl Handle<Add> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let name = input.name;
        let taken = |name: String| Error::ServiceExists(ServiceExists { name });
        let registry = cx.engine().registry();
        if registry.has_own_namespace(&name) || self.spokes.get(&name).is_some() || self.imports.has(&name) {
            return Err(taken(name));
        }
        let mut config = Config {
            url: input.url,
            stdio: input.stdio.map(Into::into),
            pin: input.pin,
            required_scopes: input.required_scopes.unwrap_or_else(|| vec![format!("{name}:call")]),
            version: input.version,
            ..Config::default()
        };
        let given = Given { bearer: input.bearer, headers: input.headers, env: input.env };
        let credentials = given.over(Credentials::default());
        let found = self.mcp.probe(&name, &config, &credentials).await?;
        let sealed = self.seal_mcp(&credentials, &mut config).await?;
        let stored = serde_json::to_value(&config).map_err(|error| CallError::internal(&error))?;
        let mut service = services::new(KIND, name.clone(), &stored);
        (service.credentials, service.document) = (sealed, Some(document(&found.tools)?));
        match services::add(&self.database, &Receipt::none(), &convert::actor(cx), service).await? {
            Changed::Done(service) => {
                self.imports.settle(&name, service.revision, PATIENCE).await;
                Ok(show(self, service, true)?)
            }
            _ => Err(taken(name)),
        }
    }
}
