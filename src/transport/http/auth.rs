//! Who sent this request: `Authorization: Bearer alk_<id>_<secret>`.

use alkhub_core::{CallError, error::codes, identity::Caller};
use poem::http::{HeaderMap, header};

use crate::keys::{KeyStore, VerifyError};

/// The verified identity, or `None` where the request carries no credentials. Credentials that are not valid are
/// an error also for operations that ask for none: the caller meant to be somebody.
///
/// # Errors
/// ACCESS_DENIED (401), or UNAVAILABLE when the key cannot be looked up.
pub(crate) async fn identify(headers: &HeaderMap, keys: &KeyStore) -> Result<Caller, CallError> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    let token = bearer(headers)
        .ok_or_else(|| denied("The Authorization header must be `Bearer alk_<id>_<secret>`."))?;
    verify(token, keys).await
}

/// The same where a client may send its key as Anthropic's do, in `x-api-key`.
///
/// # Errors
/// As [`identify`].
pub(super) async fn identify_either(headers: &HeaderMap, keys: &KeyStore) -> Result<Caller, CallError> {
    match headers.get("x-api-key") {
        Some(token) if !headers.contains_key(header::AUTHORIZATION) => {
            let token =
                token.to_str().map_err(|_| denied("The x-api-key header must be `alk_<id>_<secret>`."))?;
            verify(token.trim(), keys).await
        }
        _ => identify(headers, keys).await,
    }
}

async fn verify(token: &str, keys: &KeyStore) -> Result<Caller, CallError> {
    match keys.verify(token).await {
        Ok(identity) => Ok(Some(identity)),
        Err(VerifyError::Store(error)) => Err(error),
        // One sentence for all of them: an attacker learns nothing about which keys exist.
        Err(_) => Err(denied("The key is not valid: it is malformed, unknown, expired or revoked.")),
    }
}

/// The credentials that the request carries.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn denied(message: &str) -> CallError {
    let mut error = CallError::new(codes::ACCESS_DENIED, message);
    error.unauthenticated = true;
    error
}
