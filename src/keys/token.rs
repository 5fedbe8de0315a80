//! The form of a key: `alk_<id>_<secret>`.

use rand::{TryRngCore, rngs::OsRng};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Letters of an id.
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const SECRET_BYTES: usize = 32;
/// Most letters of an id.
pub(super) const LONGEST_ID: usize = 32;

/// A key as its holder has it. Neither printed nor logged; [`Token::text`] is the one way to its text.
pub struct Token {
    id: String,
    secret: [u8; SECRET_BYTES],
}

impl Drop for Token {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl Token {
    /// Reads `alk_<id>_<secret>`: id 16 to 32 of `[a-z0-9]`, secret 64 hexadecimal digits in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = split(text)?;
        Some(Self { id: id.to_owned(), secret: *secret })
    }

    /// A fresh key; 20 letters of id, 256 bits of secret from the system's generator.
    ///
    /// # Errors
    /// The system's generator failed.
    pub fn generate() -> Result<Self, rand::rand_core::OsError> {
        let mut bytes = [0_u8; 20];
        OsRng.try_fill_bytes(&mut bytes)?;
        // The slight bias of the remainder does not matter: an id is public.
        let id = bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect();
        Self::generate_for(id)
    }

    /// A fresh secret for this id.
    ///
    /// # Errors
    /// The system's generator failed.
    pub fn generate_for(id: String) -> Result<Self, rand::rand_core::OsError> {
        let mut secret = [0; SECRET_BYTES];
        OsRng.try_fill_bytes(&mut secret)?;
        Ok(Self { id, secret })
    }

    /// The public part.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole key.
    #[must_use]
    pub fn text(&self) -> String {
        use std::fmt::Write;
        let mut text = format!("alk_{}_", self.id);
        for byte in self.secret {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// SHA-256 of the secret's 32 bytes, which is what the database keeps. A plain hash is enough for 256 random bits.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.secret)
    }

    /// Compares in constant time.
    #[must_use]
    pub fn matches(&self, hash: &[u8]) -> bool {
        matches(&self.secret, hash)
    }
}

/// The id and the secret of a key's text, without a copy of the former.
pub(super) fn split(text: &str) -> Option<(&str, Zeroizing<[u8; SECRET_BYTES]>)> {
    let (id, digits) = text.strip_prefix("alk_")?.split_once('_')?;
    let letters = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !(16..=LONGEST_ID).contains(&id.len()) || !letters || digits.len() != SECRET_BYTES * 2 {
        return None;
    }
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    for (byte, pair) in secret.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
    }
    Some((id, secret))
}

/// Compares in constant time.
pub(super) fn matches(secret: &[u8; SECRET_BYTES], stored: &[u8]) -> bool {
    hash(secret).ct_eq(stored).into()
}

fn hash(secret: &[u8; SECRET_BYTES]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn there_and_back() {
        let token = Token::generate().expect("random");
        let text = token.text();
        let read = Token::parse(&text).expect("well formed");
        assert_eq!(read.text(), text);
        assert!(read.matches(&token.hash()));
        assert!(!Token::generate().expect("random").matches(&token.hash()));
        assert!(!read.matches(&[]));
    }

    #[test]
    fn what_is_not_a_key() {
        let secret = "0".repeat(64);
        for bad in [
            String::new(),
            "alk_".to_owned(),
            format!("alk_short_{secret}"),
            format!("alk_{}_{secret}", "a".repeat(33)),
            format!("alk_AAAAAAAAAAAAAAAA_{secret}"),
            format!("key_aaaaaaaaaaaaaaaa_{secret}"),
            format!("alk_aaaaaaaaaaaaaaaa_{}", &secret[1..]),
            format!("alk_aaaaaaaaaaaaaaaa_{}G", &secret[1..]),
            format!("alk_aaaaaaaaaaaaaaaa_{}", "ä".repeat(32)),
        ] {
            assert!(Token::parse(&bad).is_none(), "{bad}");
        }
    }
}
