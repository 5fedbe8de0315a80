//! Reading a stream on the side: its first token, its usage, how it ends. What is of no interest is not parsed.

use memchr::memmem;
use serde::Deserialize;

use super::{Dialect, Event, Usage, usage::Written};

/// What an event was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Something that goes before any token, or between them.
    Other,
    /// A part of the answer.
    Token,
    /// Usage and nothing else: a chunk that only who asked for usage expects.
    UsageOnly,
    /// The end.
    End,
    /// The provider's word that it failed.
    Failed,
}

/// What is known of a stream so far.
#[derive(Debug)]
pub struct Watch {
    dialect: Dialect,
    usage: Option<Usage>,
    tokens: u64,
    ended: bool,
}

#[derive(Deserialize)]
struct ChatChunk {
    #[serde(default)]
    choices: Vec<serde::de::IgnoredAny>,
    usage: Option<Written>,
}

#[derive(Deserialize)]
struct MessageEvent {
    message: Option<Inner>,
    response: Option<Inner>,
    usage: Option<Written>,
}

#[derive(Deserialize)]
struct Inner {
    usage: Option<Written>,
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: std::borrow::Cow<'a, str>,
}

impl Watch {
    /// Of a stream of this dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, usage: None, tokens: 0, ended: false }
    }

    /// Looks at the next event.
    pub fn event(&mut self, event: &Event<'_>) -> Seen {
        let seen = match self.dialect {
            Dialect::Messages => self.message(event),
            Dialect::Responses => self.response(event),
            _ => self.chat(event),
        };
        match seen {
            Seen::Token => self.tokens += 1,
            Seen::End => self.ended = true,
            _ => {}
        }
        seen
    }

    /// The usage that the stream has told of.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Events that carried a part of the answer; about one for each token.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Whether the stream has come to its proper end.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    fn note(&mut self, written: Option<&Written>) {
        if let Some(written) = written {
            self.usage.get_or_insert_default().merge(written.usage(self.dialect));
        }
    }

    fn chat(&mut self, event: &Event<'_>) -> Seen {
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            return Seen::End;
        }
        if event.name == b"error" || data.starts_with(b"{\"error\"") || data.starts_with(b"{ \"error\"") {
            return Seen::Failed;
        }
        if mentions_usage(data)
            && let Ok(chunk) = serde_json::from_slice::<ChatChunk>(data)
        {
            self.note(chunk.usage.as_ref());
            if chunk.choices.is_empty() && chunk.usage.is_some() {
                return Seen::UsageOnly;
            }
        }
        let token = says(data, b"\"content\"")
            || says(data, b"\"reasoning")
            || memmem::find(data, b"\"tool_calls\"").is_some()
            || says(data, b"\"refusal\"")
            || says(data, b"\"finish_reason\"");
        if token { Seen::Token } else { Seen::Other }
    }

    fn message(&mut self, event: &Event<'_>) -> Seen {
        match &*kind(event) {
            b"content_block_delta" => Seen::Token,
            b"message_start" | b"message_delta" => {
                if let Ok(parsed) = serde_json::from_slice::<MessageEvent>(&event.data) {
                    self.note(parsed.message.as_ref().and_then(|inner| inner.usage.as_ref()));
                    self.note(parsed.usage.as_ref());
                }
                Seen::Other
            }
            b"message_stop" => Seen::End,
            b"error" => Seen::Failed,
            _ => Seen::Other,
        }
    }

    fn response(&mut self, event: &Event<'_>) -> Seen {
        let kind = kind(event);
        match &*kind {
            b"response.completed" | b"response.incomplete" | b"response.failed" => {
                if let Ok(parsed) = serde_json::from_slice::<MessageEvent>(&event.data) {
                    self.note(parsed.response.as_ref().and_then(|inner| inner.usage.as_ref()));
                }
                if &*kind == b"response.failed" && self.tokens == 0 { Seen::Failed } else { Seen::End }
            }
            b"error" => Seen::Failed,
            name if name.ends_with(b".delta") => Seen::Token,
            _ => Seen::Other,
        }
    }
}

/// The name of an event, or, where it has none, the type in its data.
fn kind<'a>(event: &'a Event<'_>) -> std::borrow::Cow<'a, [u8]> {
    if !event.name.is_empty() {
        return event.name.into();
    }
    let typed: Option<Typed<'_>> = serde_json::from_slice(&event.data).ok();
    typed.map(|typed| typed.kind.into_owned().into_bytes()).unwrap_or_default().into()
}

/// Whether usage stands in a chunk that is not just null.
fn mentions_usage(data: &[u8]) -> bool {
    follows(data, b"\"usage\"").is_some_and(|first| first == b'{')
}

/// Whether a field holds text that is not empty, a list or an object.
fn says(data: &[u8], field: &[u8]) -> bool {
    let mut rest = data;
    while let Some(at) = memmem::find(rest, field) {
        let mut after = rest[at + field.len()..].iter().copied().skip_while(|byte| *byte != b':').skip(1);
        let first = after.find(|byte| !byte.is_ascii_whitespace());
        if first == Some(b'"') && after.next() != Some(b'"') || matches!(first, Some(b'[' | b'{')) {
            return true;
        }
        rest = &rest[at + field.len()..];
    }
    false
}

fn follows(data: &[u8], field: &[u8]) -> Option<u8> {
    let at = memmem::rfind(data, field)?;
    data[at + field.len()..].iter().copied().find(|byte| !byte.is_ascii_whitespace() && *byte != b':')
}

#[cfg(test)]
mod tests {
    use super::super::events;
    use super::*;

    fn seen(dialect: Dialect, stream: &str) -> (Vec<Seen>, Option<Usage>) {
        let mut watch = Watch::new(dialect);
        let seen = events(stream.as_bytes()).map(|event| watch.event(&event)).collect();
        (seen, watch.usage())
    }

    #[test]
    fn a_chat_stream() {
        let (seen, usage) = seen(
            Dialect::Chat,
            "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n\
             data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n\
             data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
             data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\n\
             data: [DONE]\n\n",
        );
        assert_eq!(seen, [Seen::Other, Seen::Token, Seen::Token, Seen::UsageOnly, Seen::End]);
        assert_eq!(usage, Some(Usage { input: 2, output: 1, ..Usage::default() }));
    }

    #[test]
    fn a_message_stream() {
        let (seen, usage) = seen(
            Dialect::Messages,
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":1,\"output_tokens\":1}}}\n\n\
             event: ping\ndata: {\"type\":\"ping\"}\n\n\
             data: {\"type\":\"content_block_delta\",\"delta\":{}}\n\n\
             event: message_delta\ndata: {\"delta\":{},\"usage\":{\"output_tokens\":7}}\n\n\
             event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        );
        assert_eq!(seen, [Seen::Other, Seen::Other, Seen::Token, Seen::Other, Seen::End]);
        assert_eq!(usage, Some(Usage { input: 6, cached: 1, output: 7, ..Usage::default() }));
    }

    #[test]
    fn failures() {
        for (dialect, stream) in [
            (Dialect::Chat, "data: {\"error\":{\"message\":\"x\"}}\n\n"),
            (Dialect::Messages, "event: error\ndata: {\"type\":\"error\"}\n\n"),
            (Dialect::Responses, "event: response.failed\ndata: {\"response\":{}}\n\n"),
        ] {
            assert_eq!(seen(dialect, stream).0, [Seen::Failed]);
        }
    }
}
