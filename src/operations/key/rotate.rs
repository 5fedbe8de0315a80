//! `key.rotate`

use alkhub_api::{
    errors::{KeyNotFound, KeyRevoked},
    key::rotate::{Error, Input, Output, Rotate},
};
use alkhub_core::{Call, CallError, Handle};

use crate::{
    convert,
    hub::Hub,
    keys::{Token, exceeded},
    storage::keys::{self, Changed},
};

impl Handle<Rotate> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let identity = cx.identity();
        let token = Token::generate_for(input.key_id.clone()).map_err(|error| CallError::internal(&error))?;
        let hash = token.hash().to_vec();
        let changed = keys::rotate(&self.database, &input.key_id, hash, &convert::actor(cx), |key| {
            exceeded(identity, &key.scopes, &key.resources)
        })
        .await?;
        match changed {
            Changed::Done(key) => {
                self.keys.changed();
                Ok(Output { key: convert::key(key), token: token.text() })
            }
            Changed::NotFound | Changed::LastAdmin => {
                Err(Error::KeyNotFound(KeyNotFound { key_id: input.key_id }))
            }
            Changed::Revoked => Err(Error::KeyRevoked(KeyRevoked { key_id: input.key_id })),
            Changed::Refused(lacking) => Err(Error::GrantExceeded(lacking)),
        }
    }
}
