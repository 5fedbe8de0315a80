//! `mcp.update`

use alkhub_api::{
    errors::ServiceNotFound,
    mcp::update::{Error, Input, Output, Update},
};
use alkhub_core::{Call, CallError, Handle, error::codes, import::mcp::fingerprint_of_all};

use crate::{
    convert,
    hub::Hub,
    imports::mcp::{Config, Credentials, Given, KIND, State, document, show},
    storage::{
        Receipt,
        services::{self, Changed, Service},
    },
};

/// How long the answer waits for the operations to be as they were changed to.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// Attempts where somebody else changes the same server at the same time.
const ATTEMPTS: usize = 5;

impl Handle<Update> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let not_found = || Error::ServiceNotFound(ServiceNotFound { name: input.name.clone() });
        for _ in 0..ATTEMPTS {
            let before = services::get(&self.database, KIND, &input.name).await?.ok_or_else(not_found)?;
            let revision = before.revision;
            let wanted = self.wanted(before, &input).await?;
            let mut overtaken = false;
            let change = |service: &mut Service| {
                // What was thought of for one state of it is not for another.
                overtaken = service.revision != revision;
                if !overtaken {
                    service.clone_from(&wanted);
                }
                Ok(())
            };
            let [kind, name] = [KIND, &input.name];
            let (receipt, actor) = (Receipt::none(), convert::actor(cx));
            let changed = services::update(&self.database, &receipt, &actor, [kind, name], change).await?;
            match changed {
                Changed::Done(_) if overtaken => {}
                Changed::Done(service) => {
                    self.imports.settle(&input.name, service.revision, PATIENCE).await;
                    return Ok(show(self, service, true)?);
                }
                _ => return Err(not_found()),
            }
        }
        let mut busy = CallError::new(codes::UNAVAILABLE, "Others change the same MCP server; try again.");
        busy.retry_after = Some(1);
        Err(busy.into())
    }
}

impl Hub {
    /// The service as it is to be.
    async fn wanted(&self, before: Service, input: &Input) -> Result<Service, CallError> {
        let internal = |error: serde_json::Error| CallError::internal(&error);
        let old: Config = serde_json::from_str(&before.config).map_err(internal)?;
        let mut config = old.clone();
        match (&input.url, &input.stdio) {
            (Some(url), None) => (config.url, config.stdio) = (Some(url.clone()), None),
            (None, Some(program)) => (config.url, config.stdio) = (None, Some(program.clone().into())),
            (Some(_), Some(_)) => {
                return Err(CallError::fault("/url", "only one of `url` and `stdio` can be given"));
            }
            (None, None) => {}
        }
        if let Some(pin) = input.pin {
            config.pin = pin;
        }
        if let Some(scopes) = &input.required_scopes {
            config.required_scopes.clone_from(scopes);
        }
        let given = Given { bearer: input.bearer.clone(), headers: input.headers.clone(), env: input.env.clone() };
        let secrets = given.bearer.is_some() || given.headers.is_some() || given.env.is_some();
        // Credentials are for the server that they were given for, and shown to no other.
        let same = config.same_server(&old);
        if input.offer.is_some() && !(input.approve && same) {
            let message = "goes with `approve`, for a server that stays the same";
            return Err(CallError::fault("/offer", message));
        }
        let mut wanted = before;
        let moved = config.url != old.url || config.stdio != old.stdio;
        if moved || secrets {
            let held = if same { self.open_mcp(wanted.credentials.as_deref()).await? } else { Credentials::default() };
            let credentials = given.over(held);
            let found = self.mcp.probe(&wanted.name, &config, &credentials).await?;
            wanted.credentials = self.seal_mcp(&credentials, &mut config).await?;
            if !same {
                (wanted.document, wanted.state) = (Some(document(&found.tools)?), None);
            }
        }
        if input.approve && same {
            let state: State = match wanted.state.as_deref() {
                Some(text) => serde_json::from_str(text).map_err(internal)?,
                None => State::default(),
            };
            // Somebody approves what they have read, not what has taken its place since.
            let offers = state.offered.as_deref().map(fingerprint_of_all);
            if input.offer.as_deref().is_some_and(|read| offers.as_deref() != Some(read)) {
                let message = "is not what the server offers by now; read `changes` again with `mcp.get`";
                return Err(CallError::fault("/offer", message));
            }
            if let Some(offered) = state.offered {
                (wanted.document, wanted.state) = (Some(document(&offered)?), None);
            }
        }
        wanted.config = serde_json::to_string(&config).map_err(internal)?;
        Ok(wanted)
    }
}
