//! What is asked: short and long requests, and streams.

use std::fmt::Write;

/// One kind of request. Answers are as long as requests; streams have [`CHUNKS`] chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Short,
    Long,
    Stream,
}

/// Chunks of a stream, each with a token.
pub(crate) const CHUNKS: usize = 500;
/// The model that is asked; it has a price, so that the budget counts.
pub(crate) const MODEL: &str = "gpt-4o-mini";

impl Work {
    pub(crate) const ALL: [Self; 3] = [Self::Short, Self::Long, Self::Stream];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Short => "2 KB",
            Self::Long => "100 KB",
            Self::Stream => "500 chunks",
        }
    }

    /// Requests a second that two cores can have of it beside the load generator and the upstream.
    pub(crate) fn rate(self, wanted: u32) -> u32 {
        match self {
            Self::Short => wanted,
            Self::Long => wanted / 4,
            Self::Stream => wanted / 100,
        }
    }

    /// The request; `model` as whoever is asked knows it.
    pub(crate) fn body(self, model: &str) -> String {
        let length = match self {
            Self::Long => 100 * 1024,
            Self::Short | Self::Stream => 2 * 1024,
        };
        let stream = if self == Self::Stream { ",\"stream\":true" } else { "" };
        let head = format!(
            "{{\"model\":\"{model}\"{stream},\"max_tokens\":600,\"messages\":[{{\"role\":\"user\",\"content\":\""
        );
        format!("{head}{}\"}}]}}", text(length - head.len() - 4))
    }
}

/// Words of such a length together.
pub(crate) fn text(length: usize) -> String {
    let mut text = String::with_capacity(length + 16);
    let mut number = 0;
    while text.len() < length {
        // Writing to a string does not fail.
        let _ = write!(text, "word{number} ");
        number += 1;
    }
    text.truncate(length);
    text
}
