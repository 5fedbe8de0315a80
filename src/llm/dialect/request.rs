//! The few fields of a request that the hub looks at, and changes of them in place: all other bytes stay as they are.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Dialect, Refused};

/// As much of a request as routing and accounting need.
#[derive(Debug)]
pub struct Head<'a> {
    /// The model that the caller names.
    pub model: Cow<'a, str>,
    /// Whether the answer is to be a stream.
    pub stream: bool,
    /// Most tokens of an answer, where the caller bounds them.
    pub max_tokens: Option<u64>,
    /// How many answers are asked for.
    pub choices: u64,
    /// Whether sampling is switched off.
    pub deterministic: bool,
    /// Whether the caller itself asks for usage in a chat stream.
    pub wants_usage: bool,
    model_at: Range<usize>,
    stream_options: Option<Range<usize>>,
    body: &'a [u8],
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    stream: Option<bool>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    n: Option<u64>,
    temperature: Option<f64>,
    #[serde(borrow)]
    stream_options: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

impl<'a> Head<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(dialect: Dialect, body: &'a [u8]) -> Result<Self, Refused> {
        let fields: Fields<'a> = serde_json::from_slice(body)
            .map_err(|error| Refused::new("", format!("The body cannot be read as a request: {error}.")))?;
        let model_text = fields.model.ok_or_else(|| {
            Refused::new("model", "`model` is missing; name one, for example `provider/model`.")
        })?;
        let model: Cow<'a, str> = match serde_json::from_str::<Borrowed<'a>>(model_text.get()) {
            Ok(Borrowed(model)) if !model.trim().is_empty() => model,
            _ => return Err(Refused::new("model", "`model` must be text that is not empty.")),
        };
        let options: StreamOptions = match fields.stream_options {
            Some(text) => serde_json::from_str(text.get()).map_err(|error| {
                Refused::new("stream_options", format!("`stream_options` cannot be read: {error}."))
            })?,
            None => StreamOptions::default(),
        };
        let max_tokens = match dialect {
            Dialect::Chat => fields.max_completion_tokens.or(fields.max_tokens),
            Dialect::Responses => fields.max_output_tokens,
            _ => fields.max_tokens,
        };
        Ok(Self {
            model,
            stream: fields.stream.unwrap_or(false),
            max_tokens,
            choices: fields.n.unwrap_or(1).max(1),
            deterministic: fields.temperature == Some(0.0),
            wants_usage: options.include_usage == Some(true),
            model_at: place(body, model_text.get()),
            stream_options: fields.stream_options.map(|text| place(body, text.get())),
            body,
        })
    }

    /// The request with another model, and, where `usage` says so, asking for usage in its stream.
    #[must_use]
    pub fn edits(&self, model: &str, usage: bool) -> Edits {
        let mut edits = Edits::default();
        if model != self.model {
            edits.replace(self.model_at.clone(), quoted(model));
        }
        if usage && self.stream && !self.wants_usage {
            match &self.stream_options {
                Some(place) => {
                    let mut options: serde_json::Map<String, serde_json::Value> =
                        serde_json::from_slice(&self.body[place.clone()]).unwrap_or_default();
                    options.insert("include_usage".to_owned(), true.into());
                    edits.replace(place.clone(), serde_json::Value::Object(options).to_string().into_bytes());
                }
                None => {
                    // `model` stands in the object, so a comma may follow.
                    let at = self.body.iter().position(|byte| *byte == b'{').map_or(0, |at| at + 1);
                    edits.replace(at..at, b"\"stream_options\":{\"include_usage\":true},".to_vec());
                }
            }
        }
        edits
    }
}

/// Text that is borrowed where it has no escapes.
struct Borrowed<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Borrowed<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Inner<'a>(#[serde(borrow)] Cow<'a, str>);
        Inner::deserialize(from).map(|inner| Self(inner.0))
    }
}

/// Where a part that was borrowed from a body stands in it.
fn place(body: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(body.as_ptr().addr());
    start..start + part.len()
}

fn quoted(text: &str) -> Vec<u8> {
    serde_json::Value::from(text).to_string().into_bytes()
}

/// Changes of a body by place.
#[derive(Debug, Default)]
pub struct Edits {
    changes: Vec<(Range<usize>, Vec<u8>)>,
}

impl Edits {
    /// Adds a field with a number, which the request must not have yet.
    pub fn add(&mut self, head: &Head<'_>, field: &str, number: u64) {
        // `model` stands in the object, so a comma may follow.
        let at = head.body.iter().position(|byte| *byte == b'{').map_or(0, |at| at + 1);
        self.replace(at..at, format!("{}:{number},", serde_json::Value::from(field)).into_bytes());
    }

    fn replace(&mut self, place: Range<usize>, with: Vec<u8>) {
        self.changes.push((place, with));
    }

    /// The changed body; the same one where nothing changes.
    #[must_use]
    pub fn apply(mut self, body: &Bytes) -> Bytes {
        if self.changes.is_empty() {
            return body.clone();
        }
        self.changes.sort_by_key(|(place, _)| place.start);
        let more: usize = self.changes.iter().map(|(_, with)| with.len()).sum();
        let mut out = Vec::with_capacity(body.len() + more);
        let mut from = 0;
        for (place, with) in &self.changes {
            out.extend_from_slice(&body[from..place.start]);
            out.extend_from_slice(with);
            from = place.end;
        }
        out.extend_from_slice(&body[from..]);
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(body: &'static str, model: &str) -> String {
        let bytes = Bytes::from_static(body.as_bytes());
        let head = Head::read(Dialect::Chat, &bytes).expect(body);
        String::from_utf8(head.edits(model, true).apply(&bytes).to_vec()).expect("text")
    }

    #[test]
    fn only_the_model_changes() {
        for (body, expected) in [
            (r#"{"model":"a","x":1.50,"y":[ 1 ]}"#, r#"{"model":"b/c","x":1.50,"y":[ 1 ]}"#),
            (r#" { "z" : {"model":"no"}, "model" : "a" }"#, r#" { "z" : {"model":"no"}, "model" : "b/c" }"#),
            (r#"{"model":"b/c","ü":"\u00e9"}"#, r#"{"model":"b/c","ü":"\u00e9"}"#),
            (
                r#"{"model":"a","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"b/c","stream":true}"#,
            ),
            (
                r#"{"stream_options":{"include_usage":false},"model":"a","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"b/c","stream":true}"#,
            ),
            (
                r#"{"stream_options":{"include_usage":true},"model":"a","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"b/c","stream":true}"#,
            ),
        ] {
            assert_eq!(changed(body, "b/c"), expected);
        }
    }

    #[test]
    fn a_bound_is_added() {
        let body = Bytes::from_static(br#" {"model":"a","stream":true}"#);
        let head = Head::read(Dialect::Chat, &body).expect("a request");
        let mut edits = head.edits("b", true);
        edits.add(&head, "max_tokens", 7);
        let changed: serde_json::Value = serde_json::from_slice(&edits.apply(&body)).expect("JSON");
        let options = serde_json::json!({ "include_usage": true });
        let expected =
            serde_json::json!({ "model": "b", "stream": true, "max_tokens": 7, "stream_options": options });
        assert_eq!(changed, expected);
    }

    #[test]
    fn faults_say_where() {
        for (body, param) in [
            ("{", ""),
            ("[]", ""),
            ("{}", "model"),
            (r#"{"model":null}"#, "model"),
            (r#"{"model":7}"#, "model"),
            (r#"{"model":" "}"#, "model"),
            (r#"{"model":"a","model":"b"}"#, ""),
            (r#"{"model":"a","stream":"yes"}"#, ""),
            (r#"{"model":"a","stream_options":3}"#, "stream_options"),
        ] {
            assert_eq!(Head::read(Dialect::Chat, body.as_bytes()).expect_err(body).param, param, "{body}");
        }
    }
}
