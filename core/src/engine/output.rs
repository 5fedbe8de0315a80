//! What a call answers with: output as JSON text, and the envelope that it came in, if it came from elsewhere.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

use crate::CallError;

/// An output. Passing one on, from a spoke to a caller for example, neither parses nor prints its JSON again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    data: Bytes,
    envelope: Option<Bytes>,
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
        Self { data, envelope: None }
    }

    /// An envelope as it came from elsewhere; `None` where the text is none.
    #[must_use]
    pub fn enveloped(envelope: Bytes) -> Option<Self> {
        let Some(data) = inside(&envelope)? else {
            // What JavaScript writes of `{data: undefined, meta}`; everyone after us gets to see both keys.
            let whole = [b"{\"data\":null,", &envelope[1..]].concat();
            return Some(Self { data: Bytes::from_static(b"null"), envelope: Some(whole.into()) });
        };
        Some(Self { data, envelope: Some(envelope) })
    }

    /// The bare output as JSON text.
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
            return self.data;
        }
        let mut text = Vec::with_capacity(self.data.len() + operation_id.len() + 80);
        text.extend_from_slice(b"{\"data\":");
        text.extend_from_slice(&self.data);
        text.extend_from_slice(b",\"meta\":{\"source\":\"local\",\"operationId\":");
        crate::protocol::write_text(&mut text, operation_id);
        text.extend_from_slice(format!(",\"timestamp\":{}}}}}", crate::call::now_ms()).as_bytes());
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
