//! What a call answers with: output as JSON text, and the envelope that it came in, if it came from elsewhere.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::CallError;

/// An output. Passing one on, from a spoke to a caller for example, neither parses nor prints its JSON again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    data: Bytes,
    envelope: Option<Bytes>,
    /// It is the answer to an earlier call with the same idempotency key.
    replayed: bool,
    shared: Option<Arc<Shared>>,
}

/// JSON text that many callers get, and what a transport makes of it, which is made once for all of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Shared {
    data: Bytes,
    frame: OnceLock<Bytes>,
}

impl Shared {
    /// A text that is JSON.
    #[must_use]
    pub fn new(data: Bytes) -> Self {
        Self { data, frame: OnceLock::new() }
    }
}

/// As much of an envelope as tells that it is one (upstream reference section 2.5: lenient on purpose).
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "written")]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    meta: Meta<'a>,
}

/// Also null is data; only what is not there is none.
fn written<'de: 'a, 'a, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
}

impl Output {
    /// The output of a handler, as JSON text.
    #[must_use]
    pub fn data(data: Bytes) -> Self {
        Self { data, envelope: None, shared: None, replayed: false }
    }

    /// The output of an earlier call, which the envelope tells of.
    #[must_use]
    pub fn replayed(data: Bytes) -> Self {
        Self { replayed: true, ..Self::data(data) }
    }

    /// An output that others get, too.
    #[must_use]
    pub fn shared(text: Arc<Shared>) -> Self {
        Self { shared: Some(text.clone()), ..Self::data(text.data.clone()) }
    }

    /// What a transport sends for the bare output. There must be one way to make it, because of a shared output the
    /// first that was made is everybody's.
    #[must_use]
    pub fn frame(&self, make: impl FnOnce(&Bytes) -> Bytes) -> Bytes {
        match &self.shared {
            Some(shared) => shared.frame.get_or_init(|| make(&shared.data)).clone(),
            None => make(&self.data),
        }
    }

    /// An envelope as it came from elsewhere; `None` where the text is none.
    #[must_use]
    pub fn enveloped(envelope: Bytes) -> Option<Self> {
        let Some(data) = inside(&envelope)? else {
            // What JavaScript writes of `{data: undefined, meta}`; everyone after us gets to see both keys.
            let whole = [b"{\"data\":null,", &envelope[1..]].concat();
            return Some(Self { envelope: Some(whole.into()), ..Self::data(Bytes::from_static(b"null")) });
        };
        Some(Self { envelope: Some(envelope), ..Self::data(data) })
    }

    /// The bare output as JSON text.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        &self.data
    }

    /// The same for good.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        self.data
    }

    /// The envelope that it came in from elsewhere, as JSON text.
    #[must_use]
    pub fn envelope(&self) -> Option<&Bytes> {
        self.envelope.as_ref()
    }

    /// The output in an envelope: the one that it came in, the one that it is, or else a local one of this operation.
    #[must_use]
    pub fn into_envelope(self, operation_id: &str) -> Bytes {
        if let Some(envelope) = self.envelope {
            return envelope;
        }
        if inside(&self.data).is_some() {
            return if self.replayed { marked(&self.data).unwrap_or(self.data) } else { self.data };
        }
        let mut text = Vec::with_capacity(self.data.len() + operation_id.len() + 80);
        text.extend_from_slice(b"{\"data\":");
        text.extend_from_slice(&self.data);
        text.extend_from_slice(b",\"meta\":{\"source\":\"local\",\"operationId\":");
        crate::protocol::write_text(&mut text, operation_id);
        text.extend_from_slice(format!(",\"timestamp\":{}", crate::call::now_ms()).as_bytes());
        text.extend_from_slice(if self.replayed { b",\"replayed\":true}}" } else { b"}}" });
        text.into()
    }

    /// The bare output, which is to be JSON of this type.
    ///
    /// # Errors
    /// EXECUTION_ERROR where it is not.
    pub fn typed<T: serde::de::DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.data).map_err(|error| CallError::internal(&error))
    }
}

/// An envelope whose `meta` says that it is a repetition; `None` where it says something of that already.
fn marked(envelope: &Bytes) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Marked<'a> {
        #[serde(borrow)]
        meta: &'a RawValue,
    }
    const NAME: &str = "\"replayed\"";
    let Marked { meta } = serde_json::from_slice(envelope).ok()?;
    let inside = meta.get().strip_prefix('{').filter(|inside| !inside.contains(NAME))?;
    let (before, after) = envelope.split_at(inside.as_ptr() as usize - envelope.as_ptr() as usize);
    Some([before, NAME.as_bytes(), b":true,", after].concat().into())
}

/// The `data` of an envelope, as a part of the same bytes, if it has any; `None` where the text is no envelope.
fn inside(text: &Bytes) -> Option<Option<Bytes>> {
    if text.first() != Some(&b'{') {
        return None;
    }
    let envelope: Envelope<'_> = serde_json::from_slice(text).ok()?;
    if !["local", "http", "mcp"].contains(&&*envelope.meta.source) {
        return None;
    }
    Some(envelope.data.map(|data| text.slice_ref(data.get().as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(output: Output) -> String {
        String::from_utf8(output.into_envelope("a.b").to_vec()).expect("UTF-8")
    }

    #[test]
    fn the_envelope_of_a_repetition_says_so() {
        let bare = Bytes::from_static(b"{\"n\":1}");
        assert!(!text(Output::data(bare.clone())).contains("replayed"));
        let said = text(Output::replayed(bare));
        assert!(
            said.starts_with(r#"{"data":{"n":1},"meta":{"source":"local","operationId":"a.b","timestamp":"#)
        );
        assert!(said.ends_with(r#","replayed":true}}"#), "{said}");
        let own = Bytes::from_static(b"{\"data\":1,\"meta\":{ \"source\":\"local\"}}");
        assert_eq!(text(Output::replayed(own)), r#"{"data":1,"meta":{"replayed":true, "source":"local"}}"#);
    }
}
