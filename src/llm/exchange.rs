//! What the HTTP endpoint and the handler of a request to a model tell each other beside input and answer.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;

use super::dialect::Dialect;

/// A request that only passes through.
pub struct Exchange {
    /// What it is written in.
    pub dialect: Dialect,
    /// Its body, which nobody has read yet.
    pub body: Bytes,
    /// Project that the caller says it is for.
    pub project: Option<String>,
    /// Session that the caller says it is of.
    pub session: Option<String>,
    /// Headers for a provider of the same dialect.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What the answer is to say beside its body.
    pub told: Mutex<Told>,
}

/// See [`Exchange::told`].
#[derive(Default)]
pub struct Told {
    /// Headers of the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the answer is a stream.
    pub stream: bool,
    /// An error that the provider has written in the caller's own dialect.
    pub error: Option<Bytes>,
}

impl Exchange {
    /// Adds a header to the answer; what is no value of a header is left out.
    pub(super) fn tell(&self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.told.lock().headers.push((HeaderName::from_static(name), value));
        }
    }
}
