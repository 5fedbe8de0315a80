//! A key for much data, which is itself kept sealed: AES-256-GCM with a fresh nonce for each text.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use super::{OpenError, SealError};

const IV: usize = 12;

/// 32 random bytes.
pub struct DataKey {
    bytes: Zeroizing<[u8; 32]>,
}

impl DataKey {
    /// A new one.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn random() -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; 32]);
        OsRng.try_fill_bytes(bytes.as_mut_slice()).map_err(|_| SealError)?;
        Ok(Self { bytes })
    }

    /// The one of these bytes; `None` unless they are 32.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        Some(Self { bytes: Zeroizing::new(bytes.try_into().ok()?) })
    }

    /// Its bytes, to be sealed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Encrypts a text, bound to what it belongs to; nonce, ciphertext and tag in base64.
    ///
    /// # Errors
    /// The operating system gives no random numbers, or the text is too long.
    pub fn encrypt(&self, text: &[u8], bound: &[u8]) -> Result<String, SealError> {
        let mut all = vec![0; IV];
        OsRng.try_fill_bytes(&mut all).map_err(|_| SealError)?;
        let iv: [u8; IV] = all.as_slice().try_into().map_err(|_| SealError)?;
        let payload = Payload { msg: text, aad: bound };
        all.extend(self.cipher().encrypt(&Nonce::from(iv), payload).map_err(|_| SealError)?);
        Ok(STANDARD.encode(all))
    }

    /// Decrypts what was encrypted with it and bound to the same.
    ///
    /// # Errors
    /// It is not that.
    pub fn decrypt(&self, text: &str, bound: &[u8]) -> Result<Vec<u8>, OpenError> {
        let all = STANDARD.decode(text).map_err(|_| OpenError::Shape("data"))?;
        let (iv, data) = all.split_first_chunk::<IV>().ok_or(OpenError::Shape("data"))?;
        let payload = Payload { msg: data, aad: bound };
        self.cipher().decrypt(&Nonce::from(*iv), payload).map_err(|_| OpenError::Refused)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&(*self.bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_where_it_belongs_and_nowhere_else() {
        let key = DataKey::random().expect("random numbers");
        let sealed = key.encrypt(b"a prompt", b"one").expect("sealed");
        assert_ne!(sealed, key.encrypt(b"a prompt", b"one").expect("sealed"));
        let again = DataKey::of(key.bytes()).expect("a key");
        assert_eq!(again.decrypt(&sealed, b"one").expect("opens"), b"a prompt");
        assert_eq!(key.decrypt(&sealed, b"two"), Err(OpenError::Refused));
        assert_eq!(DataKey::random().expect("random").decrypt(&sealed, b"one"), Err(OpenError::Refused));
        assert_eq!(key.decrypt("AAAA", b"one"), Err(OpenError::Shape("data")));
        assert!(DataKey::of(b"short").is_none());
    }
}
