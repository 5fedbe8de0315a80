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
    /// Adds a secret, and what JSON and URLs make of it.
    pub(super) fn add(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        self.texts.push(Zeroizing::new(secret.to_owned()));
        let json = Zeroizing::new(serde_json::Value::from(secret).to_string());
        let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let forms = [json[1..json.len() - 1].to_owned(), form.replace('+', "%20"), form].map(Zeroizing::new);
        self.texts.extend(forms.into_iter().filter(|form| form.as_str() != secret));
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
