//! One sealed secret: `{key_version, salt, iv, data}`, the binary parts in base64.
//!
//! Key version 1 derives the key with PBKDF2-HMAC-SHA256, 100 000 rounds over a salt of its own, so that values which the
//! TypeScript family encrypted open here and the other way round. `data` is the ciphertext followed by the 16-byte tag.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const VERSION: u32 = 1;
const ROUNDS: u32 = 100_000;
const SALT: usize = 32;
const IV: usize = 12;
const KEY: usize = 32;

/// An encrypted secret, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// How the key was derived.
    #[serde(alias = "keyVersion")]
    pub key_version: u32,
    /// Salt of the derivation, 32 bytes in base64.
    pub salt: String,
    /// Nonce of the cipher, 12 bytes in base64.
    pub iv: String,
    /// Ciphertext and tag in base64.
    pub data: String,
}

/// Why a secret could not be sealed.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random numbers, or the secret is too long")]
pub struct SealError;

/// Why a sealed secret could not be opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Made in another way.
    #[error("key version {0} is not known here (known: 1)")]
    Version(u32),
    /// A part is not what it must be; found before any decryption.
    #[error("`{0}` is not base64 of the right length")]
    Shape(&'static str),
    /// Wrong master key or changed data: it cannot be told which, and must not be.
    #[error("it does not open with this master key")]
    Refused,
}

/// Encrypts a secret under the master key, with a fresh salt and nonce.
pub fn seal(master: &str, secret: &[u8]) -> Result<Sealed, SealError> {
    let (mut salt, mut iv) = ([0; SALT], [0; IV]);
    OsRng.try_fill_bytes(&mut salt).map_err(|_| SealError)?;
    OsRng.try_fill_bytes(&mut iv).map_err(|_| SealError)?;
    seal_with(master, secret, salt, iv)
}

fn seal_with(master: &str, secret: &[u8], salt: [u8; SALT], iv: [u8; IV]) -> Result<Sealed, SealError> {
    let data = cipher(master, &salt).encrypt(&Nonce::from(iv), secret).map_err(|_| SealError)?;
    Ok(Sealed {
        key_version: VERSION,
        salt: STANDARD.encode(salt),
        iv: STANDARD.encode(iv),
        data: STANDARD.encode(data),
    })
}

/// Decrypts a sealed secret.
pub fn open(master: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if sealed.key_version != VERSION {
        return Err(OpenError::Version(sealed.key_version));
    }
    let salt: [u8; SALT] = bytes("salt", &sealed.salt)?;
    let iv: [u8; IV] = bytes("iv", &sealed.iv)?;
    let data = STANDARD.decode(&sealed.data).map_err(|_| OpenError::Shape("data"))?;
    let opened = cipher(master, &salt).decrypt(&Nonce::from(iv), data.as_slice());
    opened.map(Zeroizing::new).map_err(|_| OpenError::Refused)
}

fn bytes<const N: usize>(name: &'static str, text: &str) -> Result<[u8; N], OpenError> {
    let decoded = STANDARD.decode(text).map_err(|_| OpenError::Shape(name))?;
    decoded.try_into().map_err(|_| OpenError::Shape(name))
}

fn cipher(master: &str, salt: &[u8; SALT]) -> Aes256Gcm {
    let mut key = Zeroizing::new([0; KEY]);
    pbkdf2::pbkdf2_hmac::<pbkdf2::sha2::Sha256>(master.as_bytes(), salt, ROUNDS, key.as_mut_slice());
    Aes256Gcm::new(&(*key).into())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
