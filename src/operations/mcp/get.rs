//! `mcp.get`

use alkhub_api::{
    errors::ServiceNotFound,
    mcp::get::{Error, Get, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    imports::mcp::{KIND, show},
    storage::services,
};

impl Handle<Get> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        match services::get(&self.database, KIND, &input.name).await? {
            Some(service) => Ok(show(self, service, true)?),
            None => Err(Error::ServiceNotFound(ServiceNotFound { name: input.name })),
        }
    }
}
