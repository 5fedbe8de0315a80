//! From one dialect to another, both ways. Requests, answers and streams; what has no counterpart is refused by name.

mod answer;
mod chat_request;
mod message_request;
mod responses_answer;
mod responses_request;
mod responses_stream;
mod stream_to_chat;
mod stream_to_messages;
mod value;

use serde_json::Value;

pub use answer::{chat_to_message, message_to_chat};
pub use chat_request::to_message as chat_to_message_request;
pub use message_request::to_chat as message_to_chat_request;
pub use responses_answer::{Echo, chat_to_response};
pub use responses_request::to_chat as response_to_chat_request;

use super::{Dialect, Event, Fault, Refused};

/// How a provider that does not speak the caller's dialect is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What the caller speaks.
    pub from: Dialect,
    /// What the provider speaks.
    pub to: Dialect,
    /// Whether the provider is only like OpenAI, with older field names.
    pub compatible: bool,
}

/// What of the request its answer repeats, and the moment of the answer.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Id for the answer where the provider gives none.
    pub id: String,
    /// Seconds since the Unix epoch.
    pub now: u64,
    /// Whether the caller asked for usage in a chat stream.
    pub include_usage: bool,
    /// Fields that a response repeats.
    pub echo: Echo,
}

impl Route {
    /// The request as the provider is asked it. `max_tokens` is for providers that insist on a bound.
    ///
    /// # Errors
    /// What has no counterpart there.
    pub fn request(&self, request: Value, model: &str, max_tokens: u64) -> Result<(Value, Echo), Refused> {
        let echo = if self.from == Dialect::Responses { Echo::of(&request) } else { Echo::default() };
        let mut translated = match (self.from, self.to) {
            (Dialect::Chat, Dialect::Messages) => chat_to_message_request(request, max_tokens)?,
            (Dialect::Messages, Dialect::Chat) => message_to_chat_request(request, self.compatible)?,
            (Dialect::Responses, Dialect::Chat) => response_to_chat_request(request, self.compatible)?,
            (Dialect::Responses, Dialect::Messages) => {
                chat_to_message_request(response_to_chat_request(request, false)?, max_tokens)?
            }
            _ => return Err(Refused::new("model", "The model's provider has nothing of this kind.")),
        };
        translated["model"] = model.into();
        Ok((translated, echo))
    }

    /// The answer as the caller expects it; `None` where the provider's is not one.
    #[must_use]
    pub fn answer(&self, answer: &Value, context: &Context) -> Option<Value> {
        match (self.from, self.to) {
            (Dialect::Chat, Dialect::Messages) => message_to_chat(answer, context),
            (Dialect::Messages, Dialect::Chat) => chat_to_message(answer, context),
            (Dialect::Responses, Dialect::Chat) => chat_to_response(answer, context),
            (Dialect::Responses, Dialect::Messages) => {
                chat_to_response(&message_to_chat(answer, context)?, context)
            }
            _ => None,
        }
    }

    /// A translator of the stream; `None` where there is nothing to translate into.
    #[must_use]
    pub fn stream(&self, context: Context) -> Option<Stream> {
        let chat = |context: Context| stream_to_chat::ToChat::new(context);
        Some(Stream(match (self.from, self.to) {
            (Dialect::Chat, Dialect::Messages) => Kind::Chat(chat(context)),
            (Dialect::Messages, Dialect::Chat) => {
                Kind::Messages(stream_to_messages::ToMessages::new(context))
            }
            (Dialect::Responses, Dialect::Chat) => {
                Kind::Responses(Box::new(responses_stream::ToResponses::new(context)))
            }
            (Dialect::Responses, Dialect::Messages) => {
                let inner = chat(Context { include_usage: true, ..context.clone() });
                Kind::Both(inner, Box::new(responses_stream::ToResponses::new(context)))
            }
            _ => return None,
        }))
    }
}

/// Translates a stream, event by event.
#[derive(Debug)]
pub struct Stream(Kind);

#[derive(Debug)]
enum Kind {
    Chat(stream_to_chat::ToChat),
    Messages(stream_to_messages::ToMessages),
    Responses(Box<responses_stream::ToResponses>),
    Both(stream_to_chat::ToChat, Box<responses_stream::ToResponses>),
}

impl Stream {
    /// Takes an event of the provider and appends what the caller is to see of it.
    ///
    /// # Errors
    /// What the provider, or its malformed event, says of a failure; the stream is over then.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match &mut self.0 {
            Kind::Chat(to) => to.event(event, out),
            Kind::Messages(to) => to.event(event, out),
            Kind::Responses(to) => to.event(event, out),
            Kind::Both(first, second) => {
                let mut between = Vec::new();
                first.event(event, &mut between)?;
                super::events(&between).try_for_each(|event| second.event(&event, out))
            }
        }
    }
}

/// Reads the data of an event.
fn parsed(event: &Event<'_>) -> Result<Value, Fault> {
    serde_json::from_slice(&event.data).map_err(|_| Fault {
        status: 502,
        code: Some("UPSTREAM_FAILED".to_owned()),
        message: "The provider's stream has an event that is not JSON.".to_owned(),
        ..Fault::default()
    })
}

/// What an error event says.
fn failed(data: &[u8]) -> Fault {
    let (message, code, param) = super::read_error(data)
        .unwrap_or_else(|| ("The provider's stream ended with an error.".to_owned(), None, None));
    Fault {
        status: 502,
        code: code.or_else(|| Some("UPSTREAM_FAILED".to_owned())),
        message,
        param,
        ..Fault::default()
    }
}

#[cfg(test)]
mod tests;
