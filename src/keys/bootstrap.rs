//! The first admin key.

use alkhub_core::{CallError, identity::ADMIN_SCOPE};

use super::Token;
use crate::storage::{
    Database,
    audit::Actor,
    keys::{self, Ensured, Key, Status},
    time::now_ms,
};

/// What there was, or was done, at the start.
pub enum Bootstrap {
    /// There are keys already.
    Existing,
    /// The first key was made; this is the only time that its text is known.
    Created {
        /// The whole key.
        token: String,
    },
    /// The preset key was there, or is now.
    Preset {
        /// Its id.
        id: String,
    },
    /// The preset key was revoked or has expired. It stays so, and other keys do the work.
    Ended {
        /// Its id.
        id: String,
    },
}

/// Why there is no admin key.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The preset is not of the form of a key.
    #[error(
        "ALKHUB_BOOTSTRAP_KEY is not a key: it must be alk_<id>_<secret>, the id 16 to 32 of a-z and 0-9, \
         the secret 64 hexadecimal digits in lower case"
    )]
    Malformed,
    /// The id is taken by a key with another secret.
    #[error(
        "a key of the id {0} exists with another secret; give ALKHUB_BOOTSTRAP_KEY another id, or remove it"
    )]
    Conflict(String),
    /// The system's random generator failed.
    #[error("the system's random generator failed: {0}")]
    Random(#[from] rand::rand_core::OsError),
    /// The database.
    #[error("{0}")]
    Store(#[from] CallError),
}

/// Sees to it that there is an admin key: the preset one, or any. Again changes nothing; a preset key that was revoked
/// since is not brought back, and does not keep the hub from starting either.
///
/// # Errors
/// Why there is none.
pub async fn ensure_admin(database: &Database, preset: Option<&str>) -> Result<Bootstrap, BootstrapError> {
    let token = match preset {
        Some(text) => Token::parse(text).ok_or(BootstrapError::Malformed)?,
        None => Token::generate()?,
    };
    let id = token.id().to_owned();
    match keys::ensure_admin(database, admin_key(&token, "first admin key"), preset.is_none()).await? {
        Ensured::Created if preset.is_none() => Ok(Bootstrap::Created { token: token.text() }),
        Ensured::Created => Ok(Bootstrap::Preset { id }),
        Ensured::Other => Ok(Bootstrap::Existing),
        Ensured::Present(key) if !token.matches(&key.secret_hash) => Err(BootstrapError::Conflict(id)),
        Ensured::Present(key) if key.status(now_ms()) != Status::Active => {
            tracing::warn!(
                key = %id,
                "the key of ALKHUB_BOOTSTRAP_KEY was revoked or has expired, and stays so; remove the variable \
                 (`alkhub keys reset-admin` makes another admin key)"
            );
            Ok(Bootstrap::Ended { id })
        }
        Ensured::Present(_) => Ok(Bootstrap::Preset { id }),
    }
}

/// Makes a further admin key, for an operator who has lost the others and holds the database.
///
/// # Errors
/// Why there is none.
pub async fn new_admin(database: &Database, name: &str) -> Result<Token, BootstrapError> {
    let token = Token::generate()?;
    keys::create(database, admin_key(&token, name), &Actor::default()).await?;
    Ok(token)
}

fn admin_key(token: &Token, name: &str) -> Key {
    Key {
        id: token.id().to_owned(),
        name: name.to_owned(),
        secret_hash: token.hash().to_vec(),
        scopes: vec![ADMIN_SCOPE.to_owned()],
        resources: std::collections::BTreeMap::new(),
        created_at: now_ms(),
        created_by: None,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}
