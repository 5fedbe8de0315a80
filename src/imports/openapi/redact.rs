//! Credentials that a service sends back are not passed on.

use std::borrow::Cow;

use zeroize::Zeroizing;

/// Shorter ones stand in too much by chance.
const SHORTEST: usize = 8;
const HIDDEN: &str = "[hidden]";

/// What is looked for.
#[derive(Default)]
pub(super) struct Secrets {
    texts: Vec<Zeroizing<String>>,
}

impl Secrets {
    /// Adds a secret, and what JSON makes of it.
    pub(super) fn add(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        self.texts.push(Zeroizing::new(secret.to_owned()));
        let json = Zeroizing::new(serde_json::Value::from(secret).to_string());
        let inside = json.trim_matches('"');
        if inside != secret {
            self.texts.push(Zeroizing::new(inside.to_owned()));
        }
    }

    /// The text without them.
    pub(super) fn hide<'t>(&self, text: &'t str, more: Option<&str>) -> Cow<'t, str> {
        let mut hidden = Cow::Borrowed(text);
        let own = self.texts.iter().map(|secret| secret.as_str());
        for secret in own.chain(more.filter(|secret| secret.len() >= SHORTEST)) {
            if hidden.contains(secret) {
                hidden = Cow::Owned(hidden.replace(secret, HIDDEN));
            }
        }
        hidden
    }

    /// The bytes without them. What is no text is left as it is.
    pub(super) fn hide_bytes(&self, bytes: bytes::Bytes, more: Option<&str>) -> bytes::Bytes {
        let hidden = match std::str::from_utf8(&bytes) {
            Ok(text) => match self.hide(text, more) {
                Cow::Borrowed(_) => None,
                Cow::Owned(hidden) => Some(hidden),
            },
            Err(_) => None,
        };
        hidden.map_or(bytes, bytes::Bytes::from)
    }
}
