//! `key.get`

use alkhub_api::{
    errors::KeyNotFound,
    key::get::{Error, Get, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{convert, hub::Hub, storage::keys};

impl Handle<Get> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        match keys::get(&self.database, &input.key_id).await? {
            Some(key) => Ok(convert::key(key)),
            None => Err(Error::KeyNotFound(KeyNotFound { key_id: input.key_id })),
        }
    }
}
