//! `mcp.refresh`

use alkhub_api::{
    errors::ServiceNotFound,
    mcp::refresh::{Error, Input, Output, Refresh},
};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    imports::mcp::{KIND, show},
    storage::services,
};

impl Handle<Refresh> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let not_found = |name| Error::ServiceNotFound(ServiceNotFound { name });
        if services::get(&self.database, KIND, &input.name).await?.is_none() {
            return Err(not_found(input.name));
        }
        self.imports.look(&self.bus, &input.name).await;
        self.mcp.refresh(&input.name).await;
        match services::get(&self.database, KIND, &input.name).await? {
            Some(service) => Ok(show(self, service, true)?),
            None => Err(not_found(input.name)),
        }
    }
}
