//! `llm.allow`

use alkhub_api::{
    errors::KeyNotFound,
    llm::allow::{Allow, Error, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{
    convert, convert_llm,
    hub::Hub,
    llm::Policy,
    storage::{keys, llm::policies},
};

impl Handle<Allow> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        if keys::get(&self.database, &input.key_id).await?.is_none() {
            return Err(Error::KeyNotFound(KeyNotFound { key_id: input.key_id }));
        }
        let policy: Policy = convert_llm::same(&input.policy)?;
        let value = convert_llm::same(&policy)?;
        let revision = policies::put(&self.database, &convert::actor(cx), &input.key_id, &value).await?;
        self.llm.settle(revision).await?;
        Ok(convert_llm::same(&policy)?)
    }
}
