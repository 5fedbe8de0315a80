//! The dialects that callers and providers speak: what the hub reads of them, and how one becomes another.
//!
//! All of it is pure: bytes in, bytes out. Requests of one's own dialect are changed in place and streams are read on
//! the side; only where dialects differ is anything taken apart.

mod error;
mod request;
mod sse;
pub mod translate;
mod usage;
mod watch;

pub use error::{Fault, Refused, body as error_body, event as error_event, read as read_error};
pub use request::{Edits, Head};
pub use sse::{Event, Splitter, TooLong, events};
pub use usage::{Usage, of_answer as usage_of_answer};
pub use watch::{Seen, Watch};

/// What a request and its answer are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// OpenAI's embeddings.
    Embeddings,
    /// Anthropic's messages.
    Messages,
    /// Anthropic's counting of a message's tokens.
    CountTokens,
}

impl Dialect {
    /// The path below a provider's base URL.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
            Self::Messages => "messages",
            Self::CountTokens => "messages/count_tokens",
        }
    }

    /// Whether errors are written as Anthropic does.
    #[must_use]
    pub fn is_anthropic(self) -> bool {
        matches!(self, Self::Messages | Self::CountTokens)
    }
}
