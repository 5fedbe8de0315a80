//! Session ids that say for themselves whom they were given to: nothing is kept of a session, so every process knows
//! every one.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pbkdf2::{
    hmac::{Hmac, KeyInit, Mac},
    sha2::Sha256,
};

/// What tells sessions apart.
pub(super) type Nonce = [u8; 16];

const TAG: usize = 16;
const PURPOSE: &[u8] = b"alkhub mcp session 1\0";

/// A fresh session of whoever shows this key. Its id is sealed with the key, so that it is of use with it alone.
#[must_use]
pub(super) fn begin(key: &str) -> String {
    let nonce: Nonce = rand::random();
    let mut id = [0; size_of::<Nonce>() + TAG];
    id[..nonce.len()].copy_from_slice(&nonce);
    id[nonce.len()..].copy_from_slice(&mac(key, &nonce).finalize().into_bytes()[..TAG]);
    URL_SAFE_NO_PAD.encode(id)
}

/// The session of an id, if it was given to whoever shows this key.
#[must_use]
pub(super) fn verify(id: &str, key: &str) -> Option<Nonce> {
    let mut bytes = [0; size_of::<Nonce>() + TAG];
    let length = URL_SAFE_NO_PAD.decode_slice(id, &mut bytes).ok()?;
    let (nonce, tag) = bytes.get(..length)?.split_first_chunk::<16>()?;
    (tag.len() == TAG).then_some(())?;
    mac(key, nonce).verify_truncated_left(tag).ok()?;
    Some(*nonce)
}

fn mac(key: &str, nonce: &Nonce) -> Hmac<Sha256> {
    // HMAC takes keys of any length; the block of an empty one stands for what cannot happen.
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(PURPOSE);
    mac.update(nonce);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_of_use_with_its_key_alone() {
        let id = begin("alk_a_1");
        assert!(verify(&id, "alk_a_1").is_some());
        assert_ne!(verify(&id, "alk_a_1"), verify(&begin("alk_a_1"), "alk_a_1"));
        assert_eq!(verify(&id, "alk_a_2"), None);
        for wrong in ["", "a", &id[1..], &format!("{id}A"), &id.replace(&id[..2], "zz")] {
            assert_eq!(verify(wrong, "alk_a_1"), None, "{wrong}");
        }
    }
}
