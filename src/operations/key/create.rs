//! `key.create`

use alkhub_api::key::create::{Create, Error, Input, Output};
use alkhub_core::{Call, CallError, Handle};

use crate::{
    convert,
    hub::Hub,
    keys::{self, Token},
    storage::{
        keys::{self as stored, Key},
        time::{now_ms, parse},
    },
};

impl Handle<Create> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let (scopes, resources) = (input.scopes.unwrap_or_default(), input.resources.unwrap_or_default());
        if let Some(key) = resources.keys().find(|key| !key.contains(':')) {
            let pointer = alkhub_core::validate::child("/resources", key);
            return Err(CallError::fault(pointer, "must be a resource of the form `type:id`").into());
        }
        if let Some(exceeded) = keys::exceeded(cx.identity(), &scopes, &resources) {
            return Err(Error::GrantExceeded(exceeded));
        }
        let expires_at = input.expires_at.map(|text| parse("/expiresAt", &text)).transpose()?;
        let now = now_ms();
        if expires_at.is_some_and(|end| end <= now) {
            return Err(CallError::fault("/expiresAt", "must lie in the future").into());
        }
        let token = Token::generate().map_err(|error| CallError::internal(&error))?;
        let key = Key {
            id: token.id().to_owned(),
            name: input.name,
            secret_hash: token.hash().to_vec(),
            scopes,
            resources,
            created_at: now,
            created_by: cx.identity().map(|identity| identity.id.clone()),
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let key = stored::create(&self.database, key, &convert::actor(cx)).await?;
        self.keys.changed();
        Ok(Output { key: convert::key(key), token: token.text() })
    }
}
