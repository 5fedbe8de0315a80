//! `key.revoke`

use alkhub_api::{
    errors::KeyNotFound,
    key::revoke::{Error, Input, Output, Revoke},
};
use alkhub_core::{Call, Handle};

use crate::{
    convert,
    hub::Hub,
    keys::exceeded,
    storage::keys::{self, Changed},
};

impl Handle<Revoke> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let identity = cx.identity();
        let changed = keys::revoke(&self.database, &input.key_id, &convert::actor(cx), |key| {
            exceeded(identity, &key.scopes, &key.resources)
        })
        .await?;
        match changed {
            Changed::Done(key) => {
                self.keys.changed();
                Ok(convert::key(key))
            }
            Changed::NotFound | Changed::Revoked => {
                Err(Error::KeyNotFound(KeyNotFound { key_id: input.key_id }))
            }
            Changed::Refused(lacking) => Err(Error::GrantExceeded(lacking)),
            Changed::LastAdmin => Err(Error::LastAdminKey),
        }
    }
}
