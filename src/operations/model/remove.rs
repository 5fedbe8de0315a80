//! `model.remove`

use alkhub_api::{
    errors::ModelNotFound,
    model::remove::{Error, Input, Output, Remove},
};
use alkhub_core::{Call, Handle};

use crate::{convert, hub::Hub, storage::llm::models};

impl Handle<Remove> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        match models::remove(&self.database, &convert::actor(cx), &input.name).await? {
            Some(revision) => {
                self.llm.settle(revision).await?;
                Ok(Output { name: input.name })
            }
            None => Err(Error::ModelNotFound(ModelNotFound { model: input.name })),
        }
    }
}
