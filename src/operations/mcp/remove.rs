//! `mcp.remove`

use alkhub_api::{
    errors::ServiceNotFound,
    mcp::remove::{Error, Input, Output, Remove},
};
use alkhub_core::{Call, Handle};

use crate::{
    convert,
    hub::Hub,
    imports::mcp::{KIND, stored},
    storage::{
        Receipt,
        services::{self, Changed},
    },
};

/// How long the answer waits for the operations to be gone.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

impl Handle<Remove> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let [kind, name] = [KIND, &input.name];
        let removed = services::remove(&self.database, &Receipt::none(), &convert::actor(cx), [kind, name]).await?;
        match removed {
            Changed::Done(service) => {
                self.imports.settle(&service.name, service.revision, PATIENCE).await;
                Ok(stored(service)?)
            }
            _ => Err(Error::ServiceNotFound(ServiceNotFound { name: input.name })),
        }
    }
}
